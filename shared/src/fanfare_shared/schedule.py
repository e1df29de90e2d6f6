"""The daily schedule: one table of what is done every day and when, for beat, for the worker, for `GET /v1/schedules`.

Each work has a setting of its own, `FANFARE_SCHEDULE_<NAME>` (HH:MM in `FANFARE_TIMEZONE`). A run is planned for a
minute, `due_at`, and whoever inserts `(name, due_at)` into `schedule_runs` first does it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from fanfare_shared.settings import Settings


@dataclass(frozen=True)
class ScheduledWork:
    """`name` is the word in `schedule_runs`, in RunScheduled and in the setting; `default_time` is wall-clock time."""

    name: str
    default_time: time
    description: str

    @property
    def field(self) -> str:
        """The field of ScheduleSettings that holds its time."""
        return f"schedule_{self.name}"

    @property
    def setting(self) -> str:
        return f"FANFARE_SCHEDULE_{self.name.upper()}"


MAKE_PARTITIONS = ScheduledWork(
    "make_partitions", time(2, 30), "Make the deliveries' partitions of this week and the next four"
)
DROP_PARTITIONS = ScheduledWork(
    "drop_partitions", time(2, 45), "Drop the deliveries and batches of weeks that are past FANFARE_RETENTION_DAYS"
)
CLEAN_IDEMPOTENCY_KEYS = ScheduledWork(
    "clean_idempotency_keys", time(3, 0), "Delete idempotency keys older than FANFARE_IDEMPOTENCY_HOURS"
)
CLEAN_HISTORY = ScheduledWork(
    "clean_history",
    time(3, 15),
    "Delete audit entries, dead letters and runs of the schedule older than FANFARE_AUDIT_DAYS",
)
DROP_ORIGINALS = ScheduledWork(
    "drop_originals",
    time(3, 0),
    "Drop originals older than FANFARE_ORIGINAL_DAYS, by an image job; their variants stay",
)
EMPTY_TRASH = ScheduledWork(
    "empty_trash", time(3, 30), "Purge what is in the trash for FANFARE_TRASH_DAYS, by an image job"
)
EXPIRE_UPLOADS = ScheduledWork(
    "expire_uploads", time(3, 45), "Remove uploads that were not completed in time, and what they left in storage"
)
CLEAN_IMAGE_JOBS = ScheduledWork(
    "clean_image_jobs",
    time(4, 0),
    "Delete image jobs that ended longer ago than FANFARE_RETENTION_DAYS, with their archives",
)
RECONCILE_STORAGE = ScheduledWork(
    "reconcile_storage",
    time(4, 15),
    "Find rows without objects and objects without rows; repair them where FANFARE_RECONCILE_REPAIR says so",
)
REMOVE_DOOMED_OBJECTS = ScheduledWork(
    "remove_doomed_objects", time(5, 0), "Remove objects from storage that no image, variant or archive has any more"
)
HEALTH_CHECK = ScheduledWork("health_check", time(6, 0), "Ask every server the fleet depends on whether it answers")

SCHEDULE: tuple[ScheduledWork, ...] = (
    MAKE_PARTITIONS,
    DROP_PARTITIONS,
    CLEAN_IDEMPOTENCY_KEYS,
    DROP_ORIGINALS,
    CLEAN_HISTORY,
    EMPTY_TRASH,
    EXPIRE_UPLOADS,
    CLEAN_IMAGE_JOBS,
    RECONCILE_STORAGE,
    REMOVE_DOOMED_OBJECTS,
    HEALTH_CHECK,
)


def _time_of(work: ScheduledWork) -> Any:
    return Field(default=work.default_time, description=f"{work.description}: the time, HH:MM in FANFARE_TIMEZONE")


class ScheduleSettings(Settings):
    """The times. A field for each work of SCHEDULE, which a test holds together."""

    schedule_make_partitions: time = _time_of(MAKE_PARTITIONS)
    schedule_drop_partitions: time = _time_of(DROP_PARTITIONS)
    schedule_clean_idempotency_keys: time = _time_of(CLEAN_IDEMPOTENCY_KEYS)
    schedule_drop_originals: time = _time_of(DROP_ORIGINALS)
    schedule_clean_history: time = _time_of(CLEAN_HISTORY)
    schedule_empty_trash: time = _time_of(EMPTY_TRASH)
    schedule_expire_uploads: time = _time_of(EXPIRE_UPLOADS)
    schedule_clean_image_jobs: time = _time_of(CLEAN_IMAGE_JOBS)
    schedule_reconcile_storage: time = _time_of(RECONCILE_STORAGE)
    schedule_remove_doomed_objects: time = _time_of(REMOVE_DOOMED_OBJECTS)
    schedule_health_check: time = _time_of(HEALTH_CHECK)
    reconcile_repair: bool = Field(
        default=False,
        description="Whether the daily reconcile_storage repairs what it finds; otherwise it only reports",
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("give an IANA name, such as UTC or Europe/Berlin") from error
        return name

    def time_of(self, work: ScheduledWork) -> time:
        """The wall-clock minute of `work` in `self.timezone`."""
        planned: time = getattr(self, work.field)
        return planned.replace(second=0, microsecond=0, tzinfo=None)

    def is_dry_run(self, work: ScheduledWork) -> bool:
        """Whether the daily run of `work` only says what it would do."""
        return work is RECONCILE_STORAGE and not self.reconcile_repair

    def last_due(self, work: ScheduledWork, now: datetime) -> datetime:
        """The latest planned minute not after `now`, in UTC: what a run started now is a run of."""
        today = self._due_on(work, now, days=0)
        return today if today <= now else self._due_on(work, now, days=-1)

    def next_due(self, work: ScheduledWork, now: datetime) -> datetime:
        """The earliest planned minute after `now`, in UTC."""
        today = self._due_on(work, now, days=0)
        return today if today > now else self._due_on(work, now, days=1)

    def _due_on(self, work: ScheduledWork, now: datetime, days: int) -> datetime:
        zone = ZoneInfo(self.timezone)
        date = now.astimezone(zone).date() + timedelta(days=days)
        return datetime.combine(date, self.time_of(work), tzinfo=zone).astimezone(UTC)

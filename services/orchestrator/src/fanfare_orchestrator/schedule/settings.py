"""The settings of the daily work: how long things are kept, and which servers are asked how they are."""

from pydantic import Field

from fanfare_orchestrator.notifications.settings import NotificationSettings
from fanfare_shared.schedule import ScheduleSettings
from fanfare_shared.settings import DatabaseSettings, FcmSettings, RedisSettings, StorageSettings


class RetentionSettings(ScheduleSettings):
    retention_days: int = Field(
        default=90,
        ge=1,
        description="Days that deliveries and batches are kept after their campaign ended, image jobs and archives after theirs",
    )
    idempotency_hours: int = Field(default=24, ge=1, description="Hours that the answer to an Idempotency-Key is kept")
    audit_days: int = Field(
        default=365, ge=1, description="Days that audit entries, dead letters and runs of the daily schedule are kept"
    )
    trash_days: int = Field(default=30, ge=0, description="Days after which a trashed image is purged; 0: never")
    original_days: int = Field(
        default=0, ge=0, description="Days after which an original is dropped, its variants kept; 0: never"
    )


class MaintenanceSettings(
    RetentionSettings, DatabaseSettings, RedisSettings, FcmSettings, StorageSettings, NotificationSettings
):
    """What the daily work needs."""

"""Who is told when a bulk job ends or pauses by itself: the rows for `notifications`, made in that same transaction."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from fanfare_shared.bulk.kind import Kind
from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.ids import uuid7

INSERT_NOTIFICATION = """
INSERT INTO notifications (id, campaign_id, app_id, job_id, kind, event, target, payload, due_at)
VALUES (%(id)s, %(campaign_id)s, %(app_id)s, %(job_id)s, %(kind)s, %(event)s, %(target)s, %(payload)s, now())
"""


class JobEvent(StrEnum):
    """What a job's owner is told of. `PAUSED` is for a job that paused by itself, not on request."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    PAUSED = "paused"

    @classmethod
    def of_status(cls, status: JobStatus) -> "JobEvent":
        """The event of reaching this status. Raises ValueError for one that nobody is told of."""
        return cls(status.value)


class NotificationKind(StrEnum):
    """`target` is a webhook's address or an e-mail's."""

    WEBHOOK = "webhook"
    EMAIL = "email"


def notifications_for(kind: Kind, job: Mapping[str, Any], event: JobEvent) -> list[dict[str, Any]]:
    """The rows to insert into `notifications`: none, a webhook, an e-mail, or both.

    `job` has the columns of its row, with the counts and the status as they are after the change, and `total`, what was
    planned (0 when absent). Each row has `id, campaign_id, app_id, job_id, kind, event, target, payload`; the other
    columns have defaults, but for `due_at`, which is the inserting statement's `now()`.
    """
    targets = {NotificationKind.WEBHOOK: job["webhook_url"], NotificationKind.EMAIL: job["notify_email"]}
    return [_row(kind, job, event, means, target) for means, target in targets.items() if target]


def _row(kind: Kind, job: Mapping[str, Any], event: JobEvent, means: NotificationKind, target: str) -> dict[str, Any]:
    notification_id = uuid7()
    name = f"{kind.name}.{event}"
    return {
        "id": notification_id,
        "campaign_id": None,
        "job_id": None,
        "app_id": job.get("app_id"),
        kind.key: job["id"],
        "kind": means.value,
        "event": name,
        "target": target,
        # The id lets a receiver tell a repeat from news: delivery is at least once.
        "payload": {"id": str(notification_id), "event": name} | kind.account(job),
    }


def iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None

"""Who is told when a campaign ends or pauses by itself: the rows for `notifications`, made in that same transaction."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from fanfare_shared.contracts.words import JobStatus, Outcome
from fanfare_shared.ids import uuid7


class CampaignEvent(StrEnum):
    """What a campaign's owner is told of. `PAUSED` is for a campaign that paused by itself, not on request."""

    COMPLETED = "campaign.completed"
    CANCELLED = "campaign.cancelled"
    FAILED = "campaign.failed"
    PAUSED = "campaign.paused"

    @classmethod
    def of_status(cls, status: JobStatus) -> "CampaignEvent":
        """The event of reaching this status. Raises ValueError for one that nobody is told of."""
        return cls(f"campaign.{status}")


class NotificationKind(StrEnum):
    """`target` is a webhook's address or an e-mail's."""

    WEBHOOK = "webhook"
    EMAIL = "email"


def notifications_for(campaign: Mapping[str, Any], event: CampaignEvent) -> list[dict[str, Any]]:
    """The rows to insert into `notifications`: none, a webhook, an e-mail, or both.

    `campaign` has the columns of its row, with the counts and the status as they are after the change, and `total`, what
    was planned (0 when absent). Each row has `id, campaign_id, app_id, kind, event, target, payload`; the other columns
    have defaults, but for `due_at`, which is the inserting statement's `now()`.
    """
    targets = {NotificationKind.WEBHOOK: campaign["webhook_url"], NotificationKind.EMAIL: campaign["notify_email"]}
    return [_row(campaign, event, kind, target) for kind, target in targets.items() if target]


def _row(campaign: Mapping[str, Any], event: CampaignEvent, kind: NotificationKind, target: str) -> dict[str, Any]:
    notification_id = uuid7()
    return {
        "id": notification_id,
        "campaign_id": campaign["id"],
        "app_id": campaign["app_id"],
        "kind": kind.value,
        "event": event.value,
        "target": target,
        # The id lets a receiver tell a repeat from news: delivery is at least once.
        "payload": {"id": str(notification_id), "event": event.value} | _account(campaign),
    }


def _account(campaign: Mapping[str, Any]) -> dict[str, Any]:
    """The campaign as JSON, in the words of `GET /v1/campaigns/{id}/stats`."""
    counts = {outcome.value: campaign[outcome.value] for outcome in Outcome}
    failure = counts[Outcome.INVALID_TOKEN] + counts[Outcome.FAILED] + counts[Outcome.UNKNOWN]
    return {
        "campaign_id": str(campaign["id"]),
        "app_id": str(campaign["app_id"]),
        "title": campaign["title"],
        "status": str(campaign["status"]),
        "pause_reason": campaign["pause_reason"],
        "error_code": campaign["error_code"],
        "error_message": campaign["error_message"],
        "dry_run": campaign["dry_run"],
        "total_recipients": campaign.get("total", 0),
        "sent": counts[Outcome.ACCEPTED] + failure,
        "success": counts[Outcome.ACCEPTED],
        "failure": failure,
        **counts,
        "errors": campaign["errors"],
        "started_at": _iso(campaign["started_at"]),
        "completed_at": _iso(campaign["completed_at"]),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None

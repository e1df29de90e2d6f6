"""Campaigns, as a kind of bulk job."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fanfare_shared.bulk.kind import STARTED, Kind
from fanfare_shared.bulk.notifications import iso
from fanfare_shared.contracts.messages import PlanCampaign, SendBatch, SettleCampaign
from fanfare_shared.contracts.words import Outcome, Priority

# A TTL of 0 is "now or never" for each message (https://firebase.google.com/docs/cloud-messaging/concept-options#ttl), not
# for the whole campaign, which then gets the longest there is.
_EXPIRES = "expires_at = coalesce(expires_at, now() + make_interval(secs => coalesce(nullif(ttl_seconds, 0), 2419200)))"

_BREAKER_IS_CLOSED = (
    "EXISTS (SELECT FROM apps a WHERE a.id = b.app_id AND (a.paused_until IS NULL OR a.paused_until <= now()))"
)


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
        "started_at": iso(campaign["started_at"]),
        "completed_at": iso(campaign["completed_at"]),
    }


def _send_batch(batch_id: int, campaign_id: UUID, priority: str) -> SendBatch:
    return SendBatch(batch_id=batch_id, campaign_id=campaign_id, priority=Priority(priority))


CAMPAIGNS = Kind(
    name="campaign",
    noun="campaign",
    jobs="campaigns",
    key="campaign_id",
    batches="batches",
    plans="campaign_plans",
    outcomes="deliveries",
    counts=tuple(outcome.value for outcome in Outcome),
    route="priority",
    set_aside_as="batch",
    plan_hint=lambda campaign_id: PlanCampaign(campaign_id=campaign_id),
    settle_hint=lambda campaign_id: SettleCampaign(campaign_id=campaign_id),
    work_hint=_send_batch,
    account=_account,
    started=f"{STARTED}, {_EXPIRES}",
    may_dispatch=_BREAKER_IS_CLOSED,
)

"""A campaign's live account, in a sender's words."""

from datetime import datetime
from uuid import UUID

from fanfare_api.bulk.account import Account, AccountView, BatchCounts, account_statement
from fanfare_api.http.schemas import Shown
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.contracts.words import JobStatus, Outcome

STATS = account_statement(CAMPAIGNS, columns=["app_id"], in_flight="b.app_id = j.app_id")


class CampaignStats(Shown):
    """`total_recipients` is what is planned so far; `progress` is a percentage, null until planned.

    `rate_per_second` is outcomes a second, lately if that is known, else since the start; `eta_seconds` follows from it.
    """

    campaign_id: UUID
    status: JobStatus
    total_recipients: int
    sent: int
    success: int
    failure: int
    progress: float | None
    started_at: datetime | None
    completed_at: datetime | None
    pending: int
    invalid_token: int
    failed: int
    expired: int
    cancelled: int
    unknown: int
    errors: dict[str, int]
    rate_per_second: float | None
    eta_seconds: float | None
    batches: BatchCounts


def present(account: Account, recent_rate: float | None) -> CampaignStats:
    """`recent_rate`: outcomes a second lately, None where not known."""
    counts = account.counts
    failure = counts[Outcome.INVALID_TOKEN] + counts[Outcome.FAILED] + counts[Outcome.UNKNOWN]
    rate = account.rate(recent_rate)
    return CampaignStats(
        campaign_id=account.job_id,
        status=account.status,
        total_recipients=account.total,
        sent=counts[Outcome.ACCEPTED] + failure,
        success=counts[Outcome.ACCEPTED],
        failure=failure,
        progress=account.progress(),
        started_at=account.row["started_at"],
        completed_at=account.row["completed_at"],
        pending=account.pending,
        invalid_token=counts[Outcome.INVALID_TOKEN],
        failed=counts[Outcome.FAILED],
        expired=counts[Outcome.EXPIRED],
        cancelled=counts[Outcome.CANCELLED],
        unknown=counts[Outcome.UNKNOWN],
        errors=account.errors,
        rate_per_second=round(rate, 1) if rate is not None else None,
        eta_seconds=account.eta_seconds(rate),
        batches=account.batches,
    )


ACCOUNT = AccountView(CAMPAIGNS, STATS, present)

"""An image job's live account."""

from datetime import datetime
from uuid import UUID

from fanfare_api.bulk.account import Account, AccountView, BatchCounts, account_statement
from fanfare_api.http.schemas import Shown
from fanfare_shared.contracts.words import ItemOutcome, JobStatus, Lane
from fanfare_shared.images.kind import IMAGE_JOBS

_LANES = ", ".join(repr(lane.value) for lane in Lane)


class ImageJobStats(Shown):
    """`total` is what is planned so far, always succeeded + failed + cancelled + pending; `progress` is a percentage, null
    until planned. `errors` counts the failed items by code.

    `rate_per_second` is outcomes a second, lately if that is known, else since the start; `eta_seconds` follows from it.
    """

    job_id: UUID
    status: JobStatus
    pause_reason: str | None
    error_code: str | None
    error_message: str | None
    total: int
    succeeded: int
    failed: int
    cancelled: int
    pending: int
    progress: float | None
    errors: dict[str, int]
    rate_per_second: float | None
    eta_seconds: float | None
    started_at: datetime | None
    completed_at: datetime | None
    batches: BatchCounts


def present(account: Account, recent_rate: float | None) -> ImageJobStats:
    """`recent_rate`: outcomes a second lately, None where not known."""
    row, rate = account.row, account.rate(recent_rate)
    return ImageJobStats(
        job_id=account.job_id,
        status=account.status,
        pause_reason=row["pause_reason"],
        error_code=row["error_code"],
        error_message=row["error_message"],
        total=account.total,
        succeeded=account.counts[ItemOutcome.SUCCEEDED],
        failed=account.counts[ItemOutcome.FAILED],
        cancelled=account.counts[ItemOutcome.CANCELLED],
        pending=account.pending,
        progress=account.progress(),
        errors=account.errors,
        rate_per_second=round(rate, 1) if rate is not None else None,
        eta_seconds=account.eta_seconds(rate),
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        batches=account.batches,
    )


ACCOUNT = AccountView(
    IMAGE_JOBS, account_statement(IMAGE_JOBS, columns=["operation"], in_flight=f"b.lane IN ({_LANES})"), present
)

"""A campaign's live account, at a price that does not grow with its audience.

The campaign's row has the counts of its closed batches; what the few batches in flight have recorded is added. One
statement is one snapshot, so the account adds up at every moment.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.http.schemas import Shown
from fanfare_shared.contracts.words import JobStatus, Outcome
from fanfare_shared.db.types import Json

# Only a batch that was claimed can have recorded anything, and claimed and open are at most as many as may be in flight;
# the partial indexes batches_claimed and batches_in_flight have just these.
STATS = text("""
SELECT c.id, c.app_id, c.status, c.pause_reason, c.error_code, c.error_message,
       c.started_at, c.completed_at, c.settled, now() AS now,
       c.accepted, c.invalid_token, c.failed, c.expired, c.cancelled, c.unknown, c.errors,
       p.total, p.planned_at, p.batches,
       o.accepted AS open_accepted, o.invalid_token AS open_invalid_token, o.failed AS open_failed,
       o.expired AS open_expired, o.cancelled AS open_cancelled, o.unknown AS open_unknown, o.errors AS open_errors,
       o.leased, o.set_aside, f.published
FROM campaigns c
LEFT JOIN campaign_plans p ON p.campaign_id = c.id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(b.accepted), 0) AS accepted, coalesce(sum(b.invalid_token), 0) AS invalid_token,
           coalesce(sum(b.failed), 0) AS failed, coalesce(sum(b.expired), 0) AS expired,
           coalesce(sum(b.cancelled), 0) AS cancelled, coalesce(sum(b.unknown), 0) AS unknown,
           coalesce(jsonb_agg(b.errors) FILTER (WHERE b.errors <> '{}'), '[]') AS errors,
           count(*) FILTER (WHERE b.status = 'leased') AS leased,
           count(*) FILTER (WHERE b.status = 'set_aside') AS set_aside
    FROM batches b WHERE b.campaign_id = c.id AND b.status <> 'closed' AND b.epoch > 0
) o
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE b.status = 'published') AS published
    FROM batches b WHERE b.app_id = c.app_id AND b.campaign_id = c.id AND b.status IN ('published', 'leased')
) f
WHERE c.id = :id
""").columns(errors=Json, open_errors=Json)


class BatchCounts(Shown):
    """`planned` so far (follow-ups are not counted), and of all: on their queue, being sent, set aside."""

    planned: int
    published: int
    leased: int
    set_aside: int


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


@dataclass(frozen=True)
class Account:
    """What the ledger said at `taken_at`, on its own clock."""

    taken_at: datetime
    planned: bool
    total: int
    pending: int
    counts: dict[Outcome, int]
    errors: dict[str, int]
    row: Mapping[str, Any]

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Account":
        live = {outcome: int(row[f"open_{outcome}"]) for outcome in Outcome}
        errors = Counter(row["errors"])
        for of_batch in row["open_errors"]:
            errors.update(of_batch)
        return cls(
            taken_at=row["now"],
            planned=row["planned_at"] is not None,
            total=row["total"] or 0,
            pending=(row["total"] or 0) - row["settled"] - sum(live.values()),
            counts={outcome: row[outcome.value] + live[outcome] for outcome in Outcome},
            errors=dict(errors.most_common()),
            row=row,
        )

    @property
    def ended(self) -> int:
        """How many devices have an outcome."""
        return sum(self.counts.values())

    @property
    def is_final(self) -> bool:
        return JobStatus(self.row["status"]).is_final

    def progress(self) -> float | None:
        if self.is_final and not self.total:
            return 100.0
        if not self.planned:
            return None
        return round(100 * (self.total - self.pending) / self.total, 2) if self.total else 100.0

    def mean_rate(self) -> float | None:
        """Outcomes a second since the start, in the campaign's whole run."""
        started_at = self.row["started_at"]
        if started_at is None:
            return None
        seconds = ((self.row["completed_at"] or self.taken_at) - started_at).total_seconds()
        return self.ended / seconds if seconds > 0 else None


async def read_account(session: AsyncSession, campaign_id: UUID) -> Account | None:
    """The campaign's account, None where there is no such campaign."""
    row = (await session.execute(STATS, {"id": campaign_id})).one_or_none()
    return Account.of_row(row._asdict()) if row is not None else None


def present(account: Account, recent_rate: float | None) -> CampaignStats:
    """`recent_rate`: outcomes a second lately, None where not known."""
    row, counts = account.row, account.counts
    failure = counts[Outcome.INVALID_TOKEN] + counts[Outcome.FAILED] + counts[Outcome.UNKNOWN]
    rate = account.mean_rate() if account.is_final or recent_rate is None else recent_rate
    sending = account.planned and row["status"] == JobStatus.PROCESSING
    return CampaignStats(
        campaign_id=row["id"],
        status=row["status"],
        total_recipients=account.total,
        sent=counts[Outcome.ACCEPTED] + failure,
        success=counts[Outcome.ACCEPTED],
        failure=failure,
        progress=account.progress(),
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        pending=account.pending,
        invalid_token=counts[Outcome.INVALID_TOKEN],
        failed=counts[Outcome.FAILED],
        expired=counts[Outcome.EXPIRED],
        cancelled=counts[Outcome.CANCELLED],
        unknown=counts[Outcome.UNKNOWN],
        errors=account.errors,
        rate_per_second=round(rate, 1) if rate is not None else None,
        eta_seconds=round(account.pending / rate, 1) if sending and rate else None,
        batches=BatchCounts(
            planned=row["batches"] or 0,
            published=row["published"],
            leased=row["leased"],
            set_aside=row["set_aside"],
        ),
    )

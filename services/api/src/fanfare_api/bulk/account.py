"""A bulk job's live account, at a price that does not grow with its audience.

The job's row has the counts of its closed batches; what the few batches in flight have recorded is added. One statement is
one snapshot, so the account adds up at every moment.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import TextualSelect, text
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.http.schemas import Shown
from fanfare_shared.bulk.kind import Kind
from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.db.types import Json

# Only a batch that was claimed can have recorded anything, and claimed and open are at most as many as may be in flight;
# each kind's batches have partial indexes of just these, and of those in flight.
_STATEMENT = """
SELECT j.id, j.status, j.pause_reason, j.error_code, j.error_message, j.started_at, j.completed_at, j.settled,
       now() AS now, {columns}, {counts}, j.errors, p.total, p.planned_at, p.batches,
       {open_counts}, o.errors AS open_errors, o.leased, o.set_aside, f.published
FROM {jobs} j
LEFT JOIN {plans} p ON p.{key} = j.id
CROSS JOIN LATERAL (
    SELECT {sums},
           coalesce(jsonb_agg(b.errors) FILTER (WHERE b.errors <> '{{}}'), '[]') AS errors,
           count(*) FILTER (WHERE b.status = 'leased') AS leased,
           count(*) FILTER (WHERE b.status = 'set_aside') AS set_aside
    FROM {batches} b WHERE b.{key} = j.id AND b.status <> 'closed' AND b.epoch > 0
) o
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE b.status = 'published') AS published
    FROM {batches} b WHERE {in_flight} AND b.{key} = j.id AND b.status IN ('published', 'leased')
) f
WHERE j.id = :id
"""


class BatchCounts(Shown):
    """`planned` so far (follow-ups are not counted), and of all: on their queue, being worked on, set aside."""

    planned: int
    published: int
    leased: int
    set_aside: int


class LiveStats(Protocol):
    """What a kind's `present` makes of an account, as far as whoever follows it needs to know."""

    @property
    def status(self) -> JobStatus: ...

    def model_dump_json(self) -> str: ...


StatsT = TypeVar("StatsT", bound=LiveStats)


@dataclass(frozen=True)
class Account:
    """What the ledger said at `taken_at`, on its own clock. `counts` are the outcomes, by their names."""

    taken_at: datetime
    planned: bool
    total: int
    pending: int
    counts: dict[str, int]
    errors: dict[str, int]
    row: Mapping[str, Any]

    @classmethod
    def of_row(cls, row: Mapping[str, Any], outcomes: Sequence[str]) -> "Account":
        live = {outcome: int(row[f"open_{outcome}"]) for outcome in outcomes}
        errors = Counter(row["errors"])
        for of_batch in row["open_errors"]:
            errors.update(of_batch)
        return cls(
            taken_at=row["now"],
            planned=row["planned_at"] is not None,
            total=row["total"] or 0,
            pending=(row["total"] or 0) - row["settled"] - sum(live.values()),
            counts={outcome: row[outcome] + live[outcome] for outcome in outcomes},
            errors=dict(errors.most_common()),
            row=row,
        )

    @property
    def job_id(self) -> UUID:
        job_id: UUID = self.row["id"]
        return job_id

    @property
    def status(self) -> JobStatus:
        return JobStatus(self.row["status"])

    @property
    def ended(self) -> int:
        """How many outcomes there are."""
        return sum(self.counts.values())

    @property
    def batches(self) -> BatchCounts:
        return BatchCounts(
            planned=self.row["batches"] or 0,
            published=self.row["published"],
            leased=self.row["leased"],
            set_aside=self.row["set_aside"],
        )

    def progress(self) -> float | None:
        """Percent; None until planned."""
        if self.status.is_final and not self.total:
            return 100.0
        if not self.planned:
            return None
        return round(100 * (self.total - self.pending) / self.total, 2) if self.total else 100.0

    def rate(self, recent: float | None) -> float | None:
        """Outcomes a second: `recent`, where it is known and the job goes on, else the mean since the start."""
        return self._mean_rate() if self.status.is_final or recent is None else recent

    def eta_seconds(self, rate: float | None) -> float | None:
        """How long the rest takes at `rate`; None where the job is not under way or not planned."""
        under_way = self.planned and self.status is JobStatus.PROCESSING
        return round(self.pending / rate, 1) if under_way and rate else None

    def _mean_rate(self) -> float | None:
        started_at = self.row["started_at"]
        if started_at is None:
            return None
        seconds = ((self.row["completed_at"] or self.taken_at) - started_at).total_seconds()
        return self.ended / seconds if seconds > 0 else None


@dataclass(frozen=True)
class AccountView(Generic[StatsT]):
    """How a kind's account is read and shown.

    `present` is given the account and the outcomes a second of late, None where they are not known.
    """

    kind: Kind
    statement: TextualSelect
    present: Callable[[Account, float | None], StatsT]

    async def read(self, session: AsyncSession, job_id: UUID) -> Account | None:
        """The job's account, None where there is no such job of this kind."""
        row = (await session.execute(self.statement, {"id": job_id})).one_or_none()
        return Account.of_row(row._asdict(), self.kind.counts) if row is not None else None


def account_statement(kind: Kind, *, columns: Sequence[str], in_flight: str) -> TextualSelect:
    """The account of the job `:id`, with more `columns` of its row.

    `in_flight`: a condition on the batches `b` of the job `j` that leads to the index of those in flight.
    """
    statement = _STATEMENT.format(
        jobs=kind.jobs,
        plans=kind.plans,
        batches=kind.batches,
        key=kind.key,
        in_flight=in_flight,
        columns=", ".join(f"j.{name}" for name in columns),
        counts=", ".join(f"j.{name}" for name in kind.counts),
        open_counts=", ".join(f"o.{name} AS open_{name}" for name in kind.counts),
        sums=", ".join(f"coalesce(sum(b.{name}), 0) AS {name}" for name in kind.counts),
    )
    return text(statement).columns(errors=Json, open_errors=Json)

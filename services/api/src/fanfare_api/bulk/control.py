"""What callers do to a bulk job: each action is one transaction on the job's locked row, and the hints after it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from sqlalchemy import func, text, update
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_shared.bulk.kind import Kind
from fanfare_shared.bulk.notifications import JobEvent, notifications_for
from fanfare_shared.bulk.transitions import Action, next_status
from fanfare_shared.contracts.messages import Message, SendNotification
from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.db.tables import Campaign, ImageJob, Notification

REQUESTED = "requested"
"""The pause_reason of a job that was paused by a caller."""

REPEAT_HINT_AFTER = timedelta(seconds=5)
"""When the sweep publishes a new row's hint again, unless somebody has leased the row by then."""

JobT = TypeVar("JobT", bound=Campaign | ImageJob)


@dataclass(frozen=True)
class Control(Generic[JobT]):
    """One action. `job`'s row is locked, `now` is the ledger's clock, `hints` leave after the commit.

    Every action returns the new status and raises IllegalTransitionError where the present one forbids it.
    """

    session: AsyncSession
    kind: Kind
    job: JobT
    now: datetime
    hints: list[Message]
    request_id: str

    async def start(self) -> None:
        """What starting writes and publishes, once the present status was checked."""
        await self.session.execute(
            text(f"UPDATE {self.kind.jobs} SET {self.kind.started} WHERE id = :id"), {"id": self.job.id}
        )
        self._hint(self.kind.plan_hint(self.job.id))

    async def pause(self) -> JobStatus:
        status = self._next(Action.PAUSE)
        await self._write(status, pause_reason=REQUESTED)
        return status

    async def resume(self) -> JobStatus:
        status = self._next(Action.RESUME)
        if self.job.final_status is not None:
            # Its account did not add up while it was cancelled: it goes on with that, and nothing more is begun.
            status = JobStatus.CANCELLING
        await self._write(status, pause_reason=None, error_message=None, due_at=func.now())
        if not await self._is_planned():
            self._hint(self.kind.plan_hint(self.job.id))
        self._hint(self.kind.settle_hint(self.job.id))
        return status

    async def cancel(self) -> JobStatus:
        """What never started is cancelled at once; the rest is settled by the orchestrator."""
        status = self._next(Action.CANCEL)
        if status is JobStatus.CANCELLED:
            await self._write(status, completed_at=func.now(), due_at=None)
            self._notify(JobEvent.CANCELLED)
            return status
        await self._write(status, final_status=JobStatus.CANCELLED.value, pause_reason=None, due_at=func.now())
        self._hint(self.kind.settle_hint(self.job.id))
        return status

    def _next(self, action: Action) -> JobStatus:
        return next_status(action, self.job.status, self.kind.noun)

    async def _is_planned(self) -> bool:
        query = f"SELECT planned_at IS NOT NULL FROM {self.kind.plans} WHERE {self.kind.key} = :id"
        return bool((await self.session.execute(text(query), {"id": self.job.id})).scalar())

    async def _write(self, status: JobStatus, **columns: object) -> None:
        table = type(self.job)
        await self.session.execute(
            update(table).where(table.id == self.job.id).values(status=status.value, updated_at=func.now(), **columns)  # type: ignore[arg-type] # a column compared
        )
        await self.session.refresh(self.job)

    def _notify(self, event: JobEvent) -> None:
        for row in notifications_for(self.kind, self.job.model_dump(), event):
            self.session.add(Notification(**row, due_at=self.now + REPEAT_HINT_AFTER))
            self._hint(SendNotification(notification_id=row["id"]))

    def _hint(self, message: Message) -> None:
        self.hints.append(message.model_copy(update={"request_id": self.request_id}))

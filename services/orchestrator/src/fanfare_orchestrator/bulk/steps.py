"""How the orchestrator handles one kind of bulk job: what differs, as functions; the rest is written once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from fanfare_orchestrator.context import Context
from fanfare_shared.bulk.kind import Kind
from fanfare_shared.contracts.words import JobStatus, Outcome
from fanfare_shared.db.connection import Connection


class Planned(NamedTuple):
    """What one transaction planned, and of which job. `last`: there is no more to plan of it."""

    job_id: UUID
    batches: int
    items: int
    last: bool


class Drained(NamedTuple):
    """Of one transaction. `more`: there may be more to close at once."""

    batches: int
    more: bool


@dataclass(frozen=True)
class Steps:
    """The steps of one kind of job.

    plan: one window at the hint of this job, of it or of one that goes first; None where there is nothing to plan.
    Inside a transaction.
    dispatch: publishes what there is room for, of this job and of those it takes turns with.
    dispatch_ready: the same for every job that has a batch ready and due.
    drain: closes some open batches of a job that ends early, their rest as cancelled or expired. Inside a transaction.
    ended: what a job's end brings with it, in the transaction that ends it; the job's row as it was locked.
    """

    kind: Kind
    plan: Callable[[Context, Connection, UUID], Planned | None]
    dispatch: Callable[[Context, UUID], object]
    dispatch_ready: Callable[[Context], object]
    drain: Callable[[Connection, UUID, Outcome], Drained]
    ended: Callable[[Connection, dict[str, Any], JobStatus], None]

"""An image job's plan: made when planning begins, locked for each window, done when the target is exhausted."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from fanfare_shared.contracts.words import Operation
from fanfare_shared.db.connection import Connection

_MAKE = """
INSERT INTO image_job_plans (job_id, ceiling)
SELECT j.id, (SELECT id FROM images ORDER BY id DESC LIMIT 1) FROM image_jobs j WHERE j.id = %s AND j.status = 'processing'
ON CONFLICT DO NOTHING
"""

# The ids stay where they are: there may be 100,000. Another planner's plan is left to it.
_TAKE = """
SELECT j.id AS job_id, j.operation, j.parameters ->> 'variant' AS variant, j.lane, j.seconds_per_item,
       j.target - 'image_ids' AS target, j.target ? 'image_ids' AS has_ids, p.cursor, p.ceiling, p.total, p.batches
FROM image_job_plans p JOIN image_jobs j ON j.id = p.job_id
WHERE p.job_id = %s AND p.planned_at IS NULL AND j.status = 'processing'
FOR UPDATE OF p SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan as taken: the job's columns beside its own. `target` is without the ids, of which `has_ids` tells;
    `variant` is what an archive is of, if not of the originals.
    """

    job_id: UUID
    operation: str
    variant: str | None
    lane: str
    seconds_per_item: float | None
    target: dict[str, Any]
    has_ids: bool
    cursor: UUID | None
    ceiling: UUID | None
    total: int
    batches: int

    @property
    def does(self) -> Operation:
        return Operation(self.operation)


def make_plan(connection: Connection, job_id: UUID) -> None:
    """Makes the plan of a processing job unless it has one. Call inside the transaction that plans the window."""
    connection.execute(_MAKE, (job_id,))


def take_plan(connection: Connection, job_id: UUID) -> Plan | None:
    """Locks the plan; None where there is nothing to plan, or another planner has it. Call inside a transaction."""
    with connection.cursor(row_factory=class_row(Plan)) as cursor:
        return cursor.execute(_TAKE, (job_id,)).fetchone()

"""Claiming a batch: a lease and a new epoch, and the count of claims that died.

Order of locks, everywhere: a batch's row, then its job's.
"""

from collections.abc import Callable
from typing import Any

from psycopg.rows import dict_row

from fanfare_shared.bulk.faults import pause_job
from fanfare_shared.bulk.kind import Kind
from fanfare_shared.contracts.words import BatchStatus
from fanfare_shared.db.connection import Connection, the_row
from fanfare_shared.ids import uuid7

# A batch whose claims died this often in a row without a write is set aside: it kills its workers, or they cannot work.
MAX_LOST_CLAIMS = 5

_LOCK = """
SELECT b.id, b.{key} AS job_id, b.{route} AS route, b.status, b.worker, b.writes, b.claimed_writes, b.lost_claims,
       b.due_at <= now() AS is_due, {may_work} AS may_work
FROM {batches} b JOIN {jobs} j ON j.id = b.{key}
WHERE b.id = %s AND b.status IN ('published', 'leased')
FOR UPDATE OF b SKIP LOCKED
"""

_LEASE = """
UPDATE {batches}
SET status = 'leased', epoch = epoch + 1, worker = %s, due_at = now() + %s * interval '1 second',
    claimed_at = now(), claimed_writes = writes, lost_claims = %s, hints = 0
WHERE id = %s
RETURNING *
"""

# `worker` stays, so that whoever claims or drains it next knows of a predecessor that died.
_RETURN_TO_READY = "UPDATE {batches} SET status = 'ready', due_at = now(), hints = 0 WHERE id = %s"

_SET_ASIDE = "UPDATE {batches} SET status = 'set_aside', due_at = NULL, worker = NULL, lost_claims = %s WHERE id = %s"


def nobody_is_known_dead(_worker: str) -> bool:
    return False


def claim_batch(
    connection: Connection,
    kind: Kind,
    batch_id: int,
    worker: str,
    lease_seconds: float,
    is_dead: Callable[[str], bool] = nobody_is_known_dead,
) -> dict[str, Any] | None:
    """The batch's row, leased to `worker` for `lease_seconds`, with `predecessor_died` beside its columns; None where
    there is nothing to do but acknowledge the message: another has it, it is closed or not due, or its job may not be
    worked on (then it goes back to `ready`).

    `is_dead` tells of the worker that holds a live lease whether it is known to be dead: then nobody waits for its end.
    Call inside a transaction.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        batch = cursor.execute(kind.sql(_LOCK), (batch_id,)).fetchone()
    if batch is None or (
        batch["status"] == BatchStatus.LEASED and not batch["is_due"] and not is_dead(batch["worker"])
    ):
        return None
    if not batch["may_work"]:
        connection.execute(kind.sql(_RETURN_TO_READY), (batch_id,))
        return None
    predecessor_died = batch["worker"] is not None
    lost_claims = batch["lost_claims"] + 1 if predecessor_died and batch["writes"] == batch["claimed_writes"] else 0
    if lost_claims >= MAX_LOST_CLAIMS:
        _set_aside(connection, kind, batch, lost_claims)
        return None
    with connection.cursor(row_factory=dict_row) as cursor:
        leased = the_row(cursor.execute(kind.sql(_LEASE), (worker, lease_seconds, lost_claims, batch_id)))
    return leased | {"predecessor_died": predecessor_died}


def _set_aside(connection: Connection, kind: Kind, batch: dict[str, Any], lost_claims: int) -> None:
    reason = f"{lost_claims} claims in a row died without a write, the last by {batch['worker']}"
    hint = kind.work_hint(batch["id"], batch["job_id"], batch["route"])
    connection.execute(kind.sql(_SET_ASIDE), (lost_claims, batch["id"]))
    connection.execute(
        "INSERT INTO dead_letters (id, source, source_id, queue, task, reason) VALUES (%s, %s, %s, %s, %s, %s)",
        (uuid7(), kind.set_aside_as, str(batch["id"]), hint.queue.value, hint.task, reason),
    )
    pause_job(connection, kind, batch["job_id"], "BATCH_SET_ASIDE", reason)

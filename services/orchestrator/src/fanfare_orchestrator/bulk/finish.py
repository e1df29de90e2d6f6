"""A job's end: its account is recounted once, and has to add up."""

from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from fanfare_orchestrator.bulk.steps import Steps
from fanfare_shared.bulk.faults import notify
from fanfare_shared.bulk.kind import Kind
from fanfare_shared.bulk.notifications import JobEvent
from fanfare_shared.bulk.transitions import Action, allowed_from, next_status
from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.db.connection import Connection, the_row
from fanfare_shared.logs import get_logger
from fanfare_shared.metrics import ledger_imbalances

IMBALANCE = "LEDGER_IMBALANCE"

log = get_logger(__name__)

_LOCK_JOB = """
SELECT j.*, coalesce(j.expires_at <= now(), false) AS is_expired FROM {jobs} j WHERE j.id = %s FOR NO KEY UPDATE
"""

# A job that ends before it is planned is planned as far as it got. The plan's lock waits for a window under way.
_LOCK_PLAN = """
INSERT INTO {plans} ({key}) VALUES (%s)
ON CONFLICT ({key}) DO UPDATE SET total = {plans}.total
RETURNING total, planned_at IS NOT NULL AS is_planned
"""
_HAS_OPEN_BATCH = "SELECT EXISTS (SELECT FROM {batches} WHERE {key} = %s AND status <> 'closed')"
_RECOUNT = "SELECT status, count(*) FROM {outcomes} WHERE {key} = %s GROUP BY status"
_END = """
UPDATE {jobs} SET status = %s, pause_reason = NULL, completed_at = now(), updated_at = now(), due_at = NULL WHERE id = %s
"""
_END_PLAN = "UPDATE {plans} SET planned_at = coalesce(planned_at, now()) WHERE {key} = %s"
_PAUSE = """
UPDATE {jobs} SET status = 'paused', pause_reason = %s, error_message = %s, due_at = NULL, updated_at = now() WHERE id = %s
"""


def finish(connection: Connection, steps: Steps, job_id: UUID) -> JobStatus | None:
    """The job's final status, if this ended it: nothing of it is open, and it is planned or stopped.

    An account that does not add up pauses the job instead. Locks the job's row, then its plan's; only a later statement
    than the lock sees what the lock waited for. Call inside a transaction.
    """
    kind = steps.kind
    job = _lock(connection, kind, job_id)
    ending = None if job is None else _ending(job)
    if job is None or ending is None:
        return None
    total, is_planned = the_row(connection.execute(kind.sql(_LOCK_PLAN), (job_id,)))
    must_be_planned = job["status"] == JobStatus.PROCESSING
    if (not is_planned and must_be_planned) or the_row(connection.execute(kind.sql(_HAS_OPEN_BATCH), (job_id,)))[0]:
        return None
    counts = {name: job[name] for name in kind.counts}
    recount = dict.fromkeys(kind.counts, 0) | dict(connection.execute(kind.sql(_RECOUNT), (job_id,)).fetchall())
    if recount != counts or sum(recount.values()) != total or job["settled"] != total:
        account = {"total": total, "settled": job["settled"], "counts": counts, "recount": recount}
        _pause(connection, kind, job_id, account)
        return None
    connection.execute(kind.sql(_END), (ending.value, job_id))
    connection.execute(kind.sql(_END_PLAN), (job_id,))
    steps.ended(connection, job, ending)
    notify(connection, kind, job_id, JobEvent.of_status(ending))
    return ending


def _lock(connection: Connection, kind: Kind, job_id: UUID) -> dict[str, Any] | None:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(kind.sql(_LOCK_JOB), (job_id,)).fetchone()


def _ending(job: dict[str, Any]) -> JobStatus | None:
    """What the job ends as once nothing of it is open; None where it does not end by itself."""
    status = JobStatus(job["status"])
    if status is JobStatus.CANCELLING:
        return JobStatus(job["final_status"] or JobStatus.CANCELLED)
    waits = status is JobStatus.PAUSED and (not job["is_expired"] or job["pause_reason"] == IMBALANCE)
    return None if waits or status not in allowed_from(Action.COMPLETE) else next_status(Action.COMPLETE, status)


def _pause(connection: Connection, kind: Kind, job_id: UUID, account: dict[str, Any]) -> None:
    """From whatever status: an account nobody can trust stops where it is, cancelled or not."""
    ledger_imbalances.inc()
    log.error("the ledger does not add up: job paused", kind=kind.name, **{kind.key: str(job_id)}, **account)
    message = f"The recount does not match the account: {account}"
    connection.execute(kind.sql(_PAUSE), (IMBALANCE, message, job_id))
    notify(connection, kind, job_id, JobEvent.PAUSED)

"""Something of a job ended: dispatch what there is room for, drain what may not go on, look whether it is done."""

from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from fanfare_orchestrator.bulk.finish import finish
from fanfare_orchestrator.bulk.steps import Steps
from fanfare_orchestrator.context import Context
from fanfare_shared.contracts.words import JobStatus, Outcome
from fanfare_shared.logs import get_logger

log = get_logger(__name__)

# One look answers most hints, of which there is one a batch: a job in full flow has nothing to finish.
_LOOK = """
SELECT j.status, coalesce(j.expires_at <= now(), false) AS is_expired,
       EXISTS (SELECT FROM {batches} b WHERE b.{key} = j.id AND b.status <> 'closed') AS has_open
FROM {jobs} j WHERE j.id = %s
"""
_ENDING_EARLY = {JobStatus.PROCESSING, JobStatus.PAUSED}


def settle(context: Context, steps: Steps, job_id: UUID) -> JobStatus | None:
    """The final status, if this ended the job. Safe from several processes at once.

    A drain goes on in hints of its own, a transaction each. Raises LedgerUnavailableError.
    """
    job = _look(context, steps, job_id)
    if job is None:
        return None
    steps.dispatch(context, job_id)
    outcome = _drains_as(job)
    if outcome is not None and job["has_open"]:
        with context.ledger.transaction() as connection:
            drained = steps.drain(connection, job_id, outcome)
        if drained.more:
            context.publisher.hint([steps.kind.settle_hint(job_id)])
            return None
    elif job["has_open"] or JobStatus(job["status"]).is_final:
        return None
    with context.ledger.transaction() as connection:
        ended = finish(connection, steps, job_id)
    if ended is not None:
        log.info("job ended", kind=steps.kind.name, status=ended.value, **{steps.kind.key: str(job_id)})
    return ended


def _look(context: Context, steps: Steps, job_id: UUID) -> dict[str, Any] | None:
    with context.ledger.statement() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(steps.kind.sql(_LOOK), (job_id,)).fetchone()


def _drains_as(job: dict[str, Any]) -> Outcome | None:
    """What becomes of the rest that was not worked on; None while it may still be."""
    if job["status"] == JobStatus.CANCELLING:
        return Outcome.CANCELLED
    if job["is_expired"] and job["status"] in _ENDING_EARLY:
        return Outcome.EXPIRED
    return None

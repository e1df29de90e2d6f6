"""Scheduled jobs whose moment has come."""

from fanfare_orchestrator.bulk.steps import Steps
from fanfare_orchestrator.context import Context
from fanfare_shared.bulk.transitions import Action, allowed_from

_LIMIT = 100

_START = """
UPDATE {jobs} SET {started}
WHERE id IN (SELECT id FROM {jobs} WHERE status = ANY(%s) AND due_at <= now()
             ORDER BY due_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id
"""


def sweep_scheduled(context: Context, steps: Steps) -> bool:
    statement = _START.format(jobs=steps.kind.jobs, started=steps.kind.started)
    with context.ledger.statement() as connection:
        started = connection.execute(statement, (list(allowed_from(Action.START)), _LIMIT)).fetchall()
    context.publisher.hint(steps.kind.plan_hint(job_id) for (job_id,) in started)
    return len(started) == _LIMIT

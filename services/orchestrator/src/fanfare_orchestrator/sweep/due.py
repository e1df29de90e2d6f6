"""Jobs under way, each looked at every half minute whatever hints were lost, at its expiry, and every second while its
planning or its drain has not ended.

The sweep plans a window and settles by itself: no slow task stands before it, and it needs no broker.
"""

from fanfare_orchestrator.bulk.planning import plan_turn
from fanfare_orchestrator.bulk.settle import settle
from fanfare_orchestrator.bulk.steps import Steps
from fanfare_orchestrator.context import Context

# A drain takes up to half a second; the other sweepers have their turn in between.
_LIMIT = 10

_LOOK = """
WITH due AS (
    SELECT j.id, j.status = 'cancelling' OR j.expires_at <= now() AS drains,
           j.status = 'processing' AND NOT EXISTS (
               SELECT FROM {plans} p WHERE p.{key} = j.id AND p.planned_at IS NOT NULL) AS is_unplanned
    FROM {jobs} j
    WHERE j.due_at <= now() AND j.status IN ('processing', 'paused', 'cancelling')
    ORDER BY j.due_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE {jobs} j
SET due_at = CASE WHEN due.drains OR due.is_unplanned THEN now() + interval '1 second'
                  ELSE least(j.expires_at, now() + interval '30 seconds') END
FROM due WHERE j.id = due.id
RETURNING j.id, due.is_unplanned
"""


def sweep_due(context: Context, steps: Steps) -> bool:
    with context.ledger.statement() as connection:
        due = connection.execute(steps.kind.sql(_LOOK), (_LIMIT,)).fetchall()
    for job_id, is_unplanned in due:
        if is_unplanned:
            plan_turn(context, steps, job_id)
        settle(context, steps, job_id)
    return len(due) == _LIMIT

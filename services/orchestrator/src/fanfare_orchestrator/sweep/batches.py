"""Published batches that nobody claimed, and leased ones whose lease ended: their hint is repeated.

A lease that ended goes back to `published`, so that the claim counts it and its late worker can still record what it
knows. A published batch that may not be worked on at present is ready again, and does not count against any cap.
"""

from fanfare_orchestrator.bulk.publishing import NEXT_HINT_AT, Published, publish
from fanfare_orchestrator.bulk.steps import Steps
from fanfare_orchestrator.context import Context

_LIMIT = 500

_REPEAT = f"""
WITH due AS (
    SELECT b.id, b.status, {{may_work}} AND {{may_dispatch}} AS may_go
    FROM {{batches}} b JOIN {{jobs}} j ON j.id = b.{{key}}
    WHERE b.status IN ('published', 'leased') AND b.due_at <= now()
    ORDER BY b.due_at LIMIT %s FOR UPDATE OF b SKIP LOCKED
)
UPDATE {{batches}} b
SET status = CASE WHEN due.may_go OR due.status = 'leased' THEN 'published' ELSE 'ready' END,
    hints = b.hints + 1,
    due_at = CASE WHEN due.may_go OR due.status = 'leased' THEN {NEXT_HINT_AT} ELSE now() END
FROM due WHERE b.id = due.id
RETURNING due.may_go, b.id, b.{{key}}, b.{{route}}
"""


def sweep_overdue_batches(context: Context, steps: Steps) -> bool:
    with context.ledger.statement() as connection:
        due = connection.execute(steps.kind.sql(_REPEAT), (_LIMIT,)).fetchall()
    publish(context, steps.kind, [Published(*batch) for may_go, *batch in due if may_go])
    return len(due) == _LIMIT

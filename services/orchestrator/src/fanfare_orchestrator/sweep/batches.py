"""Published batches that nobody claimed, and leased ones whose lease ended: their hint is repeated.

A lease that ended goes back to `published`, so that the claim counts it and its late worker can still record what it
knows. A published batch that may not be sent at present is ready again, and does not count against its app's cap.
"""

from fanfare_orchestrator.campaigns.dispatch import NEXT_HINT_AT, Published, publish
from fanfare_orchestrator.context import Context
from fanfare_shared.campaigns.claims import MAY_SEND

_LIMIT = 500

_REPEAT = f"""
WITH due AS (
    SELECT b.id, b.status, {MAY_SEND} AND (a.paused_until IS NULL OR a.paused_until <= now()) AS may_send
    FROM batches b JOIN campaigns c ON c.id = b.campaign_id JOIN apps a ON a.id = b.app_id
    WHERE b.status IN ('published', 'leased') AND b.due_at <= now()
    ORDER BY b.due_at LIMIT %s FOR UPDATE OF b SKIP LOCKED
)
UPDATE batches b
SET status = CASE WHEN due.may_send OR due.status = 'leased' THEN 'published' ELSE 'ready' END,
    hints = b.hints + 1,
    due_at = CASE WHEN due.may_send OR due.status = 'leased' THEN {NEXT_HINT_AT} ELSE now() END
FROM due WHERE b.id = due.id
RETURNING due.may_send, b.id, b.campaign_id, b.priority
"""


def sweep_overdue_batches(context: Context) -> bool:
    with context.ledger.statement() as connection:
        due = connection.execute(_REPEAT, (_LIMIT,)).fetchall()
    publish(context, [Published(*batch) for may_send, *batch in due if may_send])
    return len(due) == _LIMIT

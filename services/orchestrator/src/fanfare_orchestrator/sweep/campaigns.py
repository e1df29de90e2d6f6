"""Campaigns under way, each looked at every half minute whatever hints were lost, at its expiry, and every second while
its planning or its drain has not ended.

The sweep plans a window and settles by itself: no slow task stands before it, and it needs no broker.
"""

from fanfare_orchestrator.bulk.settle import settle
from fanfare_orchestrator.campaigns.planning.turns import plan_turn
from fanfare_orchestrator.context import Context

# A drain takes up to half a second; the other sweepers have their turn in between.
_LIMIT = 10

_LOOK = """
WITH due AS (
    SELECT c.id, c.status = 'cancelling' OR c.expires_at <= now() AS drains,
           c.status = 'processing' AND NOT EXISTS (
               SELECT FROM campaign_plans p WHERE p.campaign_id = c.id AND p.planned_at IS NOT NULL) AS is_unplanned
    FROM campaigns c
    WHERE c.due_at <= now() AND c.status IN ('processing', 'paused', 'cancelling')
    ORDER BY c.due_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE campaigns c
SET due_at = CASE WHEN due.drains OR due.is_unplanned THEN now() + interval '1 second'
                  ELSE least(c.expires_at, now() + interval '30 seconds') END
FROM due WHERE c.id = due.id
RETURNING c.id, due.is_unplanned
"""


def sweep_due_campaigns(context: Context) -> bool:
    with context.ledger.statement() as connection:
        due = connection.execute(_LOOK, (_LIMIT,)).fetchall()
    for campaign_id, is_unplanned in due:
        if is_unplanned:
            plan_turn(context, campaign_id)
        settle(context, campaign_id)
    return len(due) == _LIMIT

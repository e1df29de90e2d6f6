"""Scheduled campaigns whose moment has come."""

from fanfare_orchestrator.context import Context
from fanfare_shared.bulk.transitions import Action, allowed_from
from fanfare_shared.campaigns.start import STARTED
from fanfare_shared.contracts.messages import PlanCampaign

_LIMIT = 100

_START = f"""
UPDATE campaigns SET {STARTED}
WHERE id IN (SELECT id FROM campaigns WHERE status = ANY(%s) AND due_at <= now()
             ORDER BY due_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id
"""


def sweep_scheduled_campaigns(context: Context) -> bool:
    with context.ledger.statement() as connection:
        started = connection.execute(_START, (list(allowed_from(Action.START)), _LIMIT)).fetchall()
    context.publisher.hint(PlanCampaign(campaign_id=campaign_id) for (campaign_id,) in started)
    return len(started) == _LIMIT

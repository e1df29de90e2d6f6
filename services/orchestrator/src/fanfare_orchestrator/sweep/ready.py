"""Ready batches that are due: follow-ups whose backoff is over, batches given back, and any that a hint was lost of."""

from fanfare_orchestrator.campaigns.dispatch import dispatch
from fanfare_orchestrator.context import Context
from fanfare_shared.campaigns.claims import MAY_SEND

_APPS = f"""
SELECT DISTINCT c.app_id FROM campaigns c JOIN apps a ON a.id = c.app_id
WHERE {MAY_SEND} AND (a.paused_until IS NULL OR a.paused_until <= now())
  AND EXISTS (SELECT FROM batches b WHERE b.campaign_id = c.id AND b.status = 'ready' AND b.due_at <= now())
"""


def sweep_ready_batches(context: Context) -> bool:
    with context.ledger.statement() as connection:
        apps = connection.execute(_APPS).fetchall()
    for (app_id,) in apps:
        dispatch(context, app_id)
    return False

"""Something of a campaign ended: dispatch what there is room for, drain what may not be sent, look whether it is done."""

from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from fanfare_orchestrator.bulk.finish import finish
from fanfare_orchestrator.campaigns.dispatch import dispatch
from fanfare_orchestrator.campaigns.drain import drain
from fanfare_orchestrator.context import Context
from fanfare_shared.contracts.messages import SettleCampaign
from fanfare_shared.contracts.words import JobStatus, Outcome
from fanfare_shared.logs import get_logger

log = get_logger(__name__)

# One look answers most hints, of which there is one a batch: a campaign in full flow has nothing to finish.
_LOOK = """
SELECT c.app_id, c.status, coalesce(c.expires_at <= now(), false) AS is_expired,
       EXISTS (SELECT FROM batches b WHERE b.campaign_id = c.id AND b.status <> 'closed') AS has_open
FROM campaigns c WHERE c.id = %s
"""
_ENDING_EARLY = {JobStatus.PROCESSING, JobStatus.PAUSED}


def settle(context: Context, campaign_id: UUID) -> JobStatus | None:
    """The final status, if this ended the campaign. Safe from several processes at once.

    A drain goes on in hints of its own, a transaction each. Raises LedgerUnavailableError.
    """
    campaign = _look(context, campaign_id)
    if campaign is None:
        return None
    dispatch(context, campaign["app_id"])
    outcome = _drains_as(campaign)
    if outcome is not None and campaign["has_open"]:
        with context.ledger.transaction() as connection:
            drained = drain(connection, campaign_id, outcome)
        if drained.more:
            context.publisher.hint([SettleCampaign(campaign_id=campaign_id)])
            return None
    elif campaign["has_open"] or JobStatus(campaign["status"]).is_final:
        return None
    with context.ledger.transaction() as connection:
        ended = finish(connection, campaign_id)
    if ended is not None:
        log.info("campaign ended", campaign_id=str(campaign_id), status=ended.value)
    return ended


def _look(context: Context, campaign_id: UUID) -> dict[str, Any] | None:
    with context.ledger.statement() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_LOOK, (campaign_id,)).fetchone()


def _drains_as(campaign: dict[str, Any]) -> Outcome | None:
    """What becomes of devices not yet sent to; None while they may still be."""
    if campaign["status"] == JobStatus.CANCELLING:
        return Outcome.CANCELLED
    if campaign["is_expired"] and campaign["status"] in _ENDING_EARLY:
        return Outcome.EXPIRED
    return None

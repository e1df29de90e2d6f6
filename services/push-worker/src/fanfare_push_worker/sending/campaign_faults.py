"""What a worker does to a campaign: pauses or fails it, and asks whose fault a 400 was. Locks the campaign's row alone."""

from fanfare_push_worker.sending.stop import CampaignFault, Stop
from fanfare_shared.bulk.faults import fail_job, pause_job
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.campaigns.rows import Claim
from fanfare_shared.contracts.messages import RunProbe, SettleCampaign
from fanfare_shared.db.connection import Ledger
from fanfare_shared.errors import LedgerUnavailableError
from fanfare_shared.ids import uuid7
from fanfare_shared.logs import get_logger
from fanfare_shared.worker.publisher import Publisher

log = get_logger(__name__)


class CampaignFaults:
    """For one process. What the ledger does not take now, the next batch of the campaign finds again."""

    def __init__(self, ledger: Ledger, publisher: Publisher) -> None:
        self._ledger = ledger
        self._publisher = publisher

    def apply(self, claim: Claim, stop: Stop) -> None:
        """Pauses or fails the campaign as `stop` says, at once, so that other workers stop at their next chunk."""
        log.warning("the campaign stops", code=stop.code, message=stop.message, fault=str(stop.fault))
        try:
            with self._ledger.transaction() as connection:
                if stop.fault is CampaignFault.FAIL:
                    fail_job(connection, CAMPAIGNS, claim.campaign.id, stop.code, stop.message)
                else:
                    pause_job(connection, CAMPAIGNS, claim.campaign.id, stop.code, stop.message)
        except LedgerUnavailableError as error:
            log.warning("the campaign goes on for now", error=error.detail)
            return
        self._publisher.hint([SettleCampaign(campaign_id=claim.campaign.id)])

    def ask_for_verdict(self, claim: Claim) -> None:
        """Raises the question once a campaign: is the payload at fault, or the tokens?"""
        probe_id = uuid7()
        try:
            with self._ledger.transaction() as connection:
                asked = connection.execute(
                    "UPDATE campaigns SET payload_verdict = 'asked' WHERE id = %s AND payload_verdict IS NULL",
                    (claim.campaign.id,),
                ).rowcount
                if asked:
                    connection.execute(
                        """
                        INSERT INTO probes (id, kind, app_id, campaign_id, due_at)
                        VALUES (%s, 'payload_verdict', %s, %s, now() + interval '5 seconds')
                        ON CONFLICT DO NOTHING
                        """,
                        (probe_id, claim.app.id, claim.campaign.id),
                    )
        except LedgerUnavailableError as error:
            log.warning("the question waits for the next batch", error=error.detail)
            return
        if asked:
            self._publisher.hint([RunProbe(probe_id=probe_id)])

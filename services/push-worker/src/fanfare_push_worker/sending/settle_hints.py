"""Telling the orchestrator that batches ended: not after each one, and always after the last."""

import time
from uuid import UUID

from fanfare_push_worker.sending.sender import Ending
from fanfare_shared.contracts.messages import SettleCampaign
from fanfare_shared.worker.publisher import Publisher

# A confirmed publish costs as much as sending a hundred messages; dispatch keeps seconds of work published ahead.
_EVERY_SECONDS = 0.25


class SettleHints:
    """For one campaign, during one task."""

    def __init__(self, publisher: Publisher, campaign_id: UUID) -> None:
        self._publisher = publisher
        self._message = SettleCampaign(campaign_id=campaign_id)
        self._hinted_at = time.monotonic()
        self._is_due = True

    def batch_ended(self, _ending: Ending) -> None:
        self._is_due = True
        if time.monotonic() - self._hinted_at >= _EVERY_SECONDS:
            self.flush()

    def flush(self) -> None:
        if self._is_due:
            self._is_due = False
            self._hinted_at = time.monotonic()
            self._publisher.hint([self._message])

"""What one child process holds and keeps from batch to batch: connections, tokens, handles."""

import gc
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanfare_push_worker.breaker import Breaker
from fanfare_push_worker.credentials import AccessTokens, service_account
from fanfare_push_worker.quota.quota import Quota
from fanfare_push_worker.sending.campaign_faults import CampaignFaults
from fanfare_push_worker.sending.sender_check import SenderChecks
from fanfare_push_worker.settings import PushWorkerSettings
from fanfare_push_worker.transport import Transport
from fanfare_shared import metrics
from fanfare_shared.campaigns.rows import AppRow
from fanfare_shared.crypto import Cipher
from fanfare_shared.db.connection import Ledger
from fanfare_shared.errors import CredentialsUnusableError
from fanfare_shared.fcm.service_accounts import mounted_secret_version
from fanfare_shared.logs import get_logger
from fanfare_shared.worker.publisher import Publisher
from fanfare_shared.worker.stop_flag import StopFlag

if TYPE_CHECKING:
    from uuid import UUID

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """An app's access tokens, and what they were made of; `version` is the mounted file's."""

    credentials: tuple[str | None, str | None]
    version: tuple[int, int] | None
    tokens: AccessTokens


class SendingProcess:
    """Made after the fork, once a child."""

    def __init__(self, settings: PushWorkerSettings, publisher: Publisher, stop_flag: StopFlag) -> None:
        # What the imports left is never garbage, and a batch makes no cycles: collecting often only costs.
        gc.freeze()
        gc.set_threshold(100_000, 20, 20)
        self.settings = settings
        self.publisher = publisher
        self.stop_flag = stop_flag
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.ledger = Ledger(settings, "push-worker")
        self.quota = Quota(settings, settings.push_max_workers)
        self.breaker = Breaker(self.ledger, self.quota)
        self.faults = CampaignFaults(self.ledger, publisher)
        self.sender_checks = SenderChecks()
        self.transport = Transport(
            settings.connections, settings.push_timeout_seconds, settings.fcm_ca_file, metrics.push_request_duration
        )
        self._cipher = Cipher(settings.encryption_keys.get_secret_value())
        self._tokens: dict[UUID, _Known] = {}

    def tokens(self, app: AppRow) -> AccessTokens:
        """The app's access tokens, with new credentials taken up. Raises CredentialsUnusableError.

        While a mounted file is being replaced, and is gone or half written, the tokens of the last good one serve.
        """
        folder, credentials = self.settings.credentials_dir, (app.credentials_encrypted, app.credentials_secret)
        known = self._tokens.get(app.id)
        if known is not None and known.credentials != credentials:
            known = None
        # Before the file is read: one replaced meanwhile is then read again.
        version = mounted_secret_version(folder, app.credentials_secret) if app.credentials_secret else None
        if known is not None and version in {None, known.version}:
            return known.tokens
        try:
            tokens = AccessTokens(service_account(app, self._cipher, self.settings, folder))
        except CredentialsUnusableError as error:
            if known is None:
                raise
            log.warning("the replaced mounted secret is of no use: the last one serves", error=error.detail)
            return known.tokens
        self._tokens[app.id] = _Known(credentials, version, tokens)
        return tokens

    def url(self, app: AppRow) -> str:
        return f"{self.settings.fcm_endpoint.rstrip('/')}/v1/projects/{app.firebase_project_id}/messages:send"

    def close(self) -> None:
        self.transport.close_all()
        self.quota.close()
        self.ledger.close()

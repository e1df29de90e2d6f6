"""Real receivers: an HTTPS server and an SMTP server with a CA of their own, and notifications in the ledger."""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import trustme
from cryptography.fernet import Fernet
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from fanfare_orchestrator.notifications.handler import Notifier
from fanfare_orchestrator.notifications.settings import NotificationSettings
from fanfare_shared.bulk.notifications import JobEvent, notifications_for
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.contracts.messages import SendNotification
from fanfare_shared.crypto import Cipher
from fanfare_shared.settings import EncryptionSettings
from harness.receivers import MailServer, Receiver, running_mail_server

WEBHOOK_SECRET = "whsec_of-the-tests"
ENCRYPTION_KEYS = Fernet.generate_key().decode()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def receiver(server_tls: ssl.SSLContext) -> Iterator[Receiver]:
    receiver = Receiver(server_tls)
    yield receiver
    receiver.close()


@pytest.fixture
def plain_receiver() -> Iterator[Receiver]:
    receiver = Receiver(None)
    yield receiver
    receiver.close()


@pytest.fixture
def mail_server() -> Callable[..., AbstractContextManager[tuple[MailServer, int]]]:
    return running_mail_server


class Desk:
    """Makes notifications and delivers them as the task would."""

    def __init__(self, office: Any, ca_file: Path) -> None:
        self._office = office
        self._ca_file = ca_file

    def notification(self, kind: str, target: str, event: JobEvent = JobEvent.COMPLETED, **columns: Any) -> UUID:
        """A due notification of `event`, as the transaction that ended the campaign would have written it."""
        app_id = self._office.app()
        secret = self.seal(WEBHOOK_SECRET)
        self._office.execute("UPDATE apps SET webhook_secret_encrypted = %s WHERE id = %s", secret, app_id)
        campaign_id = self._office.campaign(
            app_id,
            status=event.value,
            **{"webhook_url" if kind == "webhook" else "notify_email": target},
            **columns,
        )
        (row,) = notifications_for(CAMPAIGNS, self._office.row("campaigns", campaign_id) | {"total": 12_345}, event)
        row["payload"] = Jsonb(row["payload"])
        self._office.execute(
            f"INSERT INTO notifications ({', '.join(row)}, due_at) VALUES ({', '.join(['%s'] * len(row))}, now())",
            *row.values(),
        )
        return UUID(str(row["id"]))

    def seal(self, secret: str) -> str:
        return Cipher(ENCRYPTION_KEYS).encrypt(secret)

    def notifier(self, **settings: Any) -> Notifier:
        defaults: dict[str, Any] = {
            "webhook_ca_file": self._ca_file,
            "smtp_ca_file": self._ca_file,
            "webhook_allow": "localhost",
        }
        return Notifier(
            NotificationSettings(**(defaults | settings)),
            EncryptionSettings(encryption_keys=SecretStr(ENCRYPTION_KEYS)),
        )

    def deliver(self, notification_id: UUID, **settings: Any) -> dict[str, Any]:
        """One hint's worth of work; the row after it."""
        message = SendNotification(notification_id=notification_id)
        self.notifier(**settings).notify(self._office.context.ledger, message)
        return self.row(notification_id)

    def row(self, notification_id: UUID) -> dict[str, Any]:
        return dict(self._office.row("notifications", notification_id))

    def dead_letters(self) -> list[dict[str, Any]]:
        return list(self._office.rows("SELECT * FROM dead_letters"))

    def payload(self, notification_id: UUID) -> dict[str, Any]:
        return dict(json.loads(json.dumps(self.row(notification_id)["payload"])))


@pytest.fixture
def desk(office: Any, ca_file: Path) -> Desk:
    return Desk(office, ca_file)


@pytest.fixture(scope="session")
def webhook_secret() -> str:
    return WEBHOOK_SECRET

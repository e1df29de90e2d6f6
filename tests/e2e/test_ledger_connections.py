"""A real orchestrator, kept busy on every queue, holds as many connections to the ledger as replicas are counted with."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from kombu import Connection

from fanfare_shared.contracts.messages import SendNotification, SettleCampaign
from fanfare_shared.db.connection import Ledger
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.testing.polling import wait_until
from fanfare_shared.worker.app import make_app
from fanfare_shared.worker.publisher import Publisher
from k8s.derivation import orchestrators_connections

CONCURRENCY = 2
# So many that every child has some.
HINTS = 100


@pytest.fixture
def orchestrator(database_url: str, clean_broker: BrokerSettings, redis_url: str, tmp_path: Path) -> Iterator[None]:
    environment = os.environ | {
        "FANFARE_DATABASE_URL": database_url,
        "FANFARE_BROKER_URL": clean_broker.broker_url.get_secret_value(),
        "FANFARE_REDIS_URL": redis_url,
        "FANFARE_FCM_ENDPOINT": "https://localhost:9",
        "FANFARE_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "FANFARE_STORAGE_URL": (tmp_path / "storage").as_uri(),
        "FANFARE_WORKER_CONCURRENCY": str(CONCURRENCY),
    }
    command = Path(sys.executable).with_name("fanfare-orchestrator")
    with subprocess.Popen([command], env=environment, start_new_session=True) as process:
        yield
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_an_orchestrator_has_the_connections_it_is_counted_with(
    clean_ledger: Ledger, clean_broker: BrokerSettings, orchestrator: None
) -> None:
    publisher = Publisher(make_app("connections-test", clean_broker))
    for _ in range(HINTS):
        publisher.publish(SettleCampaign(campaign_id=uuid4()))
        publisher.publish(SendNotification(notification_id=uuid4()))
    with Connection(clean_broker.broker_url.get_secret_value()) as connection:
        connection.Producer().publish(b"?", routing_key="dead", exchange="", serializer=None)

    def held() -> int:
        with clean_ledger.statement() as connection:
            (count,) = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name LIKE 'orchestrator%'"
            ).fetchone() or (0,)
        return int(count)

    wait_until(lambda: held() >= orchestrators_connections(CONCURRENCY), "every process has its connection", within=120)
    assert held() == orchestrators_connections(CONCURRENCY)

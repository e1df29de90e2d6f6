"""One process of the push-worker without Celery: its parts on real servers, and a look at what it left in the ledger."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from cryptography.fernet import Fernet
from psycopg.rows import dict_row

from fanfare_push_worker.process import SendingProcess
from fanfare_push_worker.sending.send_batch import send_batch
from fanfare_push_worker.settings import PushWorkerSettings
from fanfare_push_worker.transport import Transport
from fanfare_shared import metrics
from fanfare_shared.crypto import Cipher
from fanfare_shared.db.connection import Ledger
from fanfare_shared.testing.world import World, make_world
from fanfare_shared.worker.app import make_app
from fanfare_shared.worker.publisher import Publisher
from fanfare_shared.worker.stop_flag import StopFlag
from fcm_simulator.process import RunningSimulator

KEY = Fernet.generate_key().decode()
SHORT_TIMEOUT_SECONDS = 3.0
"""FCM asks for 10 s, which a test of a time-out need not wait; what is to be answered must come well within it."""


@dataclass
class Worker:
    """A sending process and the ledger it works on, with one campaign at a time."""

    process: SendingProcess
    ledger: Ledger
    simulator: RunningSimulator
    project: str = "demo"
    world: World = field(init=False)

    def campaign(self, devices: int, **columns: Any) -> World:
        """An app with real credentials, devices `token-0`, `token-1`, …, and a published batch of all of them."""
        credentials = Cipher(KEY).encrypt(json.dumps(self.simulator.client.credentials(self.project)))
        with self.ledger.transaction() as connection:
            self.world = make_world(connection, devices, **columns)
            connection.execute(
                """
                UPDATE apps SET credentials_encrypted = %s, credentials_secret = NULL, firebase_project_id = %s,
                                quota_per_minute = 6000000
                """,
                (credentials, self.project),
            )
        return self.world

    def send(self) -> None:
        send_batch(self.process, self.world.batch_id)

    def send_follow_up(self, batch_id: int) -> None:
        with self.ledger.statement() as connection:
            connection.execute("UPDATE batches SET status = 'published' WHERE id = %s", (batch_id,))
        send_batch(self.process, batch_id)

    def deliveries(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM deliveries ORDER BY device_id")

    def statuses(self) -> list[str]:
        return [row["status"] for row in self.deliveries()]

    def batch(self) -> dict[str, Any]:
        return self.rows("SELECT * FROM batches WHERE id = %s", self.world.batch_id)[0]

    def follow_ups(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM batches WHERE parent_id = %s ORDER BY id", self.world.batch_id)

    def row(self) -> dict[str, Any]:
        """The campaign's."""
        return self.rows("SELECT * FROM campaigns WHERE id = %s", self.world.campaign_id)[0]

    def app_row(self) -> dict[str, Any]:
        return self.rows("SELECT * FROM apps WHERE id = %s", self.world.app_id)[0]

    def now(self) -> datetime:
        """By the ledger's clock."""
        return cast("datetime", self.rows("SELECT clock_timestamp() AS now")[0]["now"])

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        with self.ledger.statement() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, parameters).fetchall()


def make_process(settings: dict[str, Any], **changes: Any) -> SendingProcess:
    """`changes` are settings."""
    built = PushWorkerSettings(**settings | changes)
    return SendingProcess(built, Publisher(make_app("push-worker-tests", built)), StopFlag())


def shorten_timeout(process: SendingProcess) -> None:
    """Requests to FCM time out after SHORT_TIMEOUT_SECONDS."""
    settings = process.settings
    process.transport = Transport(
        settings.connections, SHORT_TIMEOUT_SECONDS, settings.fcm_ca_file, metrics.push_request_duration
    )

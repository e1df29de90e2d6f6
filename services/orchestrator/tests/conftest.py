"""A context on real servers, and worlds made directly in the ledger."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import kombu.pools
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from fanfare_orchestrator.context import Context
from fanfare_orchestrator.schedule.context import RunContext
from fanfare_orchestrator.schedule.settings import MaintenanceSettings
from fanfare_orchestrator.settings import PlanSettings
from fanfare_orchestrator.sweep.publisher import SweepPublisher
from fanfare_shared.contracts.messages import Message
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.db.connection import Ledger, the_row
from fanfare_shared.ids import uuid7
from fanfare_shared.settings import BrokerSettings, DatabaseSettings, StorageSettings
from fanfare_shared.storage.opening import open_storage
from fanfare_shared.testing.brokers import QueueReader
from fanfare_shared.worker.app import make_app

BATCH_SIZE = 10


class Office:
    """The ledger as a test fills it and looks at it."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def app(self, quota_per_minute: int = 600_000) -> UUID:
        app_id = uuid7()
        self.execute(
            "INSERT INTO apps (id, name, firebase_project_id, credentials_secret, quota_per_minute, webhook_secret_encrypted)"
            " VALUES (%s, %s, %s, 'file', %s, '')",
            app_id,
            str(app_id),
            str(app_id),
            quota_per_minute,
        )
        return app_id

    def devices(self, app_id: UUID, count: int, prefix: str = "user") -> list[int]:
        rows = self.rows(
            "INSERT INTO devices (app_id, user_id, token, token_digest, platform)"
            " SELECT %s, %s || n, %s || n, decode(md5(%s || n), 'hex'), 'android' FROM generate_series(1, %s) AS n"
            " RETURNING id",
            app_id,
            f"{prefix}-",
            prefix,
            prefix,
            count,
        )
        return sorted(row["id"] for row in rows)

    def campaign(self, app_id: UUID, **columns: Any) -> UUID:
        """A processing campaign to everybody, without a plan."""
        values = {
            "id": uuid7(),
            "app_id": app_id,
            "title": "t",
            "message": "m",
            "priority": "normal",
            "target": Jsonb({"all": True}),
            "ttl_seconds": 3600,
            "delivery": "at_least_once",
            "dry_run": False,
            "status": "processing",
            "created_by": "test",
            **columns,
        }
        self.execute(
            f"INSERT INTO campaigns ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))})", *values.values()
        )
        return UUID(str(values["id"]))

    def execute(self, query: str, *parameters: Any) -> int:
        with self.context.ledger.statement() as connection:
            return connection.execute(query, parameters).rowcount

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        with self.context.ledger.statement() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, parameters).fetchall()

    def row(self, table: str, key: Any) -> dict[str, Any]:
        column = "campaign_id" if table == "campaign_plans" else "id"
        with self.context.ledger.statement() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return the_row(cursor.execute(f"SELECT * FROM {table} WHERE {column} = %s", (key,)))

    def now(self) -> datetime:
        """By the ledger's clock."""
        return cast("datetime", self.rows("SELECT clock_timestamp() AS now")[0]["now"])

    def batches(self, campaign_id: UUID) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM batches WHERE campaign_id = %s ORDER BY id", campaign_id)


class Hints:
    """The messages on the queues."""

    def __init__(self, reader: QueueReader) -> None:
        self._reader = reader

    def take(self, message_class: type[Message], queue: Queue) -> list[Any]:
        """Everything on the queue, which must all be of this class."""
        taken = self._reader.take_all(queue)
        assert {message.headers["task"] for message in taken} <= {message_class.task}
        return [message_class.model_validate(message.payload[1]["message"]) for message in taken]


@pytest.fixture(autouse=True)
def _no_kept_connections() -> None:
    """Celery apps on one broker share kept connections, and a test before this one may have had them closed."""
    kombu.pools.reset()


@pytest.fixture
def context(clean_ledger: Ledger, clean_broker: BrokerSettings) -> Context:
    publisher = SweepPublisher(make_app("orchestrator-test", clean_broker))
    return Context(clean_ledger, publisher, PlanSettings(push_batch_size=BATCH_SIZE))


@pytest.fixture
def office(context: Context) -> Office:
    return Office(context)


@pytest.fixture
def hints(clean_broker: BrokerSettings) -> Iterator[Hints]:
    with QueueReader(clean_broker) as reader:
        yield Hints(reader)


@pytest.fixture
def other_ledger(database_settings: DatabaseSettings) -> Iterator[Callable[[], Ledger]]:
    """Makes further clients of the ledger, for what only two can show."""
    opened: list[Ledger] = []

    def open_one() -> Ledger:
        opened.append(Ledger(database_settings, "test-other"))
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.fixture
def maintenance(
    clean_ledger: Ledger, database_settings: DatabaseSettings, redis_url: str, storage_settings: StorageSettings
) -> Callable[..., RunContext]:
    """Makes what a run of the daily work has, with these settings, on a local folder of the test's own."""

    def make(*, dry_run: bool = False, storage: StorageSettings = storage_settings, **settings: Any) -> RunContext:
        made = MaintenanceSettings(
            database_url=database_settings.database_url,
            redis_url=SecretStr(redis_url),
            **storage.model_dump(exclude_unset=True) | settings,
        )
        return RunContext(clean_ledger, made, lambda: open_storage(made), dry_run)

    return make

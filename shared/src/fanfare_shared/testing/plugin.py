"""The pytest plugin: fixtures for real PostgreSQL, RabbitMQ, Redis and S3, each the session's own.

They are made when a test first asks, so a test that needs none runs without servers.
"""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.db.connection import Ledger
from fanfare_shared.settings import BrokerSettings, DatabaseSettings, StorageSettings
from fanfare_shared.storage.local_folder import begin
from fanfare_shared.testing.brokers import BrokerManagement, QueueReader, loaded_vhost
from fanfare_shared.testing.databases import migrated_database, truncate
from fanfare_shared.testing.environment import ServerAddresses, server_addresses
from fanfare_shared.testing.object_stores import own_bucket, s3_server
from fanfare_shared.testing.redis_databases import own_redis

# The same examples in every run, each for as long as it takes: a run says what the code is like, not what chance is.
hypothesis.settings.register_profile(
    "fanfare",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("fanfare")


@pytest.fixture(scope="session", name="server_addresses")
def server_addresses_fixture() -> ServerAddresses:
    return server_addresses()


@pytest.fixture(scope="session")
def database_settings(server_addresses: ServerAddresses) -> Iterator[DatabaseSettings]:
    """A database of this session, migrated and empty when the session begins."""
    with migrated_database(server_addresses.database_url.get_secret_value()) as settings:
        yield settings


@pytest.fixture(scope="session")
def database_url(database_settings: DatabaseSettings) -> str:
    return database_settings.database_url.get_secret_value()


@pytest.fixture
def ledger(database_settings: DatabaseSettings) -> Iterator[Ledger]:
    ledger = Ledger(database_settings, "test")
    yield ledger
    ledger.close()


@pytest.fixture
def clean_ledger(ledger: Ledger) -> Ledger:
    """The ledger with every table empty."""
    truncate(ledger)
    return ledger


@pytest.fixture(scope="session")
def broker_definitions(pytestconfig: pytest.Config) -> Path:
    return pytestconfig.rootpath / "deploy" / "rabbitmq" / "definitions.json"


@pytest.fixture(scope="session")
def broker_management(server_addresses: ServerAddresses) -> Iterator[BrokerManagement]:
    management = BrokerManagement(server_addresses.broker_management_url.get_secret_value())
    yield management
    management.close()


@pytest.fixture(scope="session")
def broker_settings(
    server_addresses: ServerAddresses, broker_management: BrokerManagement, broker_definitions: Path
) -> Iterator[BrokerSettings]:
    """A vhost of this session, with the queues and policies of definitions.json."""
    url = server_addresses.broker_url.get_secret_value()
    with loaded_vhost(broker_management, url, broker_definitions) as settings:
        yield settings


@pytest.fixture
def clean_broker(broker_settings: BrokerSettings) -> BrokerSettings:
    """The vhost with every queue empty, and nobody left who could give a message back."""
    with QueueReader(broker_settings) as reader:
        for queue in Queue:
            reader.empty(queue)
    return broker_settings


@pytest.fixture(scope="session")
def redis_url(server_addresses: ServerAddresses) -> Iterator[str]:
    """A numbered Redis database of this session, empty when it begins."""
    with own_redis(server_addresses.redis_url.get_secret_value()) as url:
        yield url


@pytest.fixture
def storage_settings(tmp_path: Path) -> StorageSettings:
    """An empty local folder of this test."""
    begin(tmp_path / "storage")
    return StorageSettings(storage_url=(tmp_path / "storage").as_uri())


@pytest.fixture(scope="session", name="s3_server")
def s3_server_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an S3 server of this session."""
    with s3_server(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture
def s3_settings(s3_server: str) -> StorageSettings:
    """An empty bucket of this test."""
    return own_bucket(s3_server)

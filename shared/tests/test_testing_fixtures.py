"""The fixtures every other test stands on."""

import redis

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.db.connection import Ledger
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.testing.brokers import BrokerManagement, vhost_of


def test_the_database_is_migrated_and_a_clean_ledger_is_empty(clean_ledger: Ledger) -> None:
    with clean_ledger.statement() as connection:
        assert connection.execute("SELECT count(*) FROM campaigns").fetchone() == (0,)


def test_the_vhost_has_the_queues_of_the_definitions(
    clean_broker: BrokerSettings, broker_management: BrokerManagement
) -> None:
    names = {queue["name"] for queue in broker_management.queues(vhost_of(clean_broker))}
    assert names == {queue.value for queue in Queue}


def test_the_redis_database_is_the_sessions_own(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 1

"""A running consumer of the `dead` queue, and a way to publish what no contract describes."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kombu import Connection

from fanfare_orchestrator.dead_letters.consumer import DeadLetterConsumer
from fanfare_shared.db.connection import Ledger
from fanfare_shared.settings import BrokerSettings, DatabaseSettings
from fanfare_shared.worker.app import make_app


@pytest.fixture
def watch(clean_broker: BrokerSettings) -> Iterator[Callable[[DatabaseSettings], None]]:
    """Starts a consumer that writes to this database; it is stopped at the test's end."""
    stop, threads = threading.Event(), []

    def start(database: DatabaseSettings) -> None:
        consumer = DeadLetterConsumer(
            make_app("dead-letters-test", clean_broker), Ledger(database, "dead-letters-test")
        )
        threads.append(threading.Thread(target=consumer.run, args=(stop,)))
        threads[-1].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def publish(clean_broker: BrokerSettings) -> Iterator[Callable[..., None]]:
    """Publishes a body to a queue as it is, with confirms."""
    with Connection(
        clean_broker.broker_url.get_secret_value(), transport_options={"confirm_publish": True}
    ) as connection:
        producer = connection.Producer()

        def send(queue: str, body: bytes, **properties: Any) -> None:
            producer.publish(body, routing_key=queue, exchange="", serializer=None, **properties)

        yield send

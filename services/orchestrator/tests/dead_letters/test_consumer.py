"""The `dead` queue's consumer on a real RabbitMQ: everything that dies is listed, and acknowledged only then."""

import pickle
from typing import Any

from kombu import Connection
from pydantic import SecretStr

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.metrics import dead_letters
from fanfare_shared.settings import BrokerSettings, DatabaseSettings
from fanfare_shared.testing.brokers import QueueReader
from fanfare_shared.testing.polling import wait_until
from fanfare_shared.testing.proxies import silenceable

PICKLE = "application/x-python-serialize"


def letters(office: Any) -> list[dict[str, Any]]:
    return list(office.rows("SELECT * FROM dead_letters ORDER BY id"))


def reject(broker: BrokerSettings, queue: Queue) -> None:
    """What a worker does with a message it cannot take."""
    with Connection(broker.broker_url.get_secret_value()) as connection:
        message = connection.default_channel.basic_get(queue.value)
        assert message is not None
        connection.default_channel.basic_reject(message.delivery_tag, requeue=False)


def test_a_rejected_message_is_listed_with_where_and_why_it_died(
    office: Any, watch: Any, publish: Any, clean_broker: BrokerSettings, database_settings: DatabaseSettings
) -> None:
    body = b'[[], {"message": {"version": 1, "campaign_id": "c"}}, {}]'
    publish("push.low", body, content_type="application/json", headers={"task": "push.send_batch", "id": "task-1"})
    reject(clean_broker, Queue.PUSH_LOW)
    watch(database_settings)
    wait_until(lambda: bool(letters(office)), "the dead letter is listed")
    (letter,) = letters(office)
    assert (letter["source"], letter["source_id"]) == ("message", "task-1")
    assert (letter["queue"], letter["reason"], letter["task"]) == ("push.low", "rejected", "push.send_batch")
    assert letter["body"] == body.decode()
    with QueueReader(clean_broker) as reader:
        assert reader.take_all(Queue.DEAD) == []


def test_a_queue_that_only_a_message_knows_is_no_label_of_its_own(
    office: Any, watch: Any, publish: Any, database_settings: DatabaseSettings
) -> None:
    watch(database_settings)
    publish("dead", b"", headers={"x-first-death-queue": "made up"})
    wait_until(lambda: bool(letters(office)), "the dead letter is listed")
    assert letters(office)[0]["queue"] == "made up"
    labels = {sample.labels["queue"] for family in dead_letters.collect() for sample in family.samples}
    assert labels == {*Queue, "unknown"}


def test_bodies_of_any_kind_are_listed_in_order_and_none_stops_the_consumer(
    office: Any, watch: Any, publish: Any, database_settings: DatabaseSettings
) -> None:
    watch(database_settings)
    publish("dead", pickle.dumps({"a": 1}), content_type=PICKLE, content_encoding="binary")
    publish("dead", b"\x00\xff not text", content_type="text/plain", content_encoding="no-such-charset")
    publish("dead", b"")
    publish("dead", b"x" * 100_000, headers={"task": ["not", "a", "name"], "x-death": "not a list"})
    wait_until(lambda: len(letters(office)) == 4, "all four are listed")
    pickled, binary, empty, long = letters(office)
    assert pickled["body"].startswith("\\x80")
    assert binary["body"] == "\\x00\\xff not text"
    assert empty["body"] == ""
    assert long["body"] == "x" * 65536 + "… (100,000 bytes in all)"
    assert {letter["queue"] for letter in letters(office)} == {"unknown"}


def test_while_postgresql_is_away_a_dead_letter_waits_in_its_queue(
    office: Any, watch: Any, publish: Any, clean_broker: BrokerSettings, database_settings: DatabaseSettings
) -> None:
    with silenceable(database_settings.database_url.get_secret_value()) as (proxy, url):
        proxy.silence()
        watch(DatabaseSettings(database_url=SecretStr(f"{url}?connect_timeout=2")))
        publish("dead", b"waits")
        with QueueReader(clean_broker) as reader:
            wait_until(lambda: reader.depth(Queue.DEAD) == 0, "the consumer has taken the message")
            wait_until(lambda: reader.depth(Queue.DEAD) == 1, "the message is back in its queue")
        assert not letters(office)
        proxy.speak()
        wait_until(lambda: bool(letters(office)), "the dead letter is listed")
    assert [letter["body"] for letter in letters(office)] == ["waits"]


def test_the_consumer_outlives_its_connection_to_rabbitmq(
    office: Any,
    watch: Any,
    publish: Any,
    broker_management: Any,
    clean_broker: BrokerSettings,
    database_settings: DatabaseSettings,
) -> None:
    watch(database_settings)
    publish("dead", b"before")
    wait_until(lambda: len(letters(office)) == 1, "the first is listed")
    vhost = clean_broker.broker_url.get_secret_value().rsplit("/", 1)[1]
    wait_until(lambda: broker_management.close_connections(vhost) > 0, "the management API knows the connection")
    with Connection(clean_broker.broker_url.get_secret_value()) as connection:
        connection.Producer().publish(b"after", routing_key="dead", exchange="", serializer=None)
    wait_until(lambda: len(letters(office)) == 2, "the second is listed")

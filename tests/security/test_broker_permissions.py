"""Each service's user on RabbitMQ does its own work and nothing else: what is refused is tried."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from amqp.exceptions import AccessRefused, NotAllowed
from kombu import Connection, Producer

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.testing.brokers import BrokerManagement, Credentials, vhost_of
from fanfare_shared.testing.environment import ServerAddresses
from harness.least_privilege import permissions

CONSUMED = {
    "api": set[Queue](),
    "orchestrator": {
        Queue.CAMPAIGNS,
        Queue.PUSH_RESULTS,
        Queue.IMAGE_JOBS,
        Queue.IMAGES_RESULTS,
        Queue.NOTIFICATIONS,
        Queue.MAINTENANCE,
        Queue.DEAD,
    },
    "push-worker": {Queue.PUSH_HIGH, Queue.PUSH_NORMAL, Queue.PUSH_LOW},
    "image-worker": {Queue.IMAGES_INTERACTIVE, Queue.IMAGES_BULK, Queue.IMAGES_HEAVY, Queue.FILES_BULK},
}
SERVICES = tuple(CONSUMED)


@dataclass(frozen=True)
class User:
    """A service's user in the session's vhost, under another name."""

    service: str
    credentials: Credentials
    connection: Connection

    @property
    def url(self) -> str:
        return str(self.connection.as_uri(include_password=True))

    @property
    def consumed(self) -> set[Queue]:
        return CONSUMED[self.service]

    def may(self, method: Callable[[Any], object]) -> bool:
        """Whether the broker obeys on a channel of its own: a refusal closes that channel."""
        channel = self.connection.channel()
        try:
            method(channel)
        except AccessRefused:
            return False
        channel.close()
        return True


@pytest.fixture(scope="module")
def users(broker_settings: BrokerSettings, broker_management: BrokerManagement) -> Iterator[dict[str, User]]:
    with ExitStack() as stack:
        made = {}
        for user, patterns in permissions().items():
            credentials = stack.enter_context(broker_management.user(vhost_of(broker_settings), **patterns))
            url = credentials.settings(broker_settings).broker_url.get_secret_value()
            connection = stack.enter_context(Connection(url, connect_timeout=30))
            made[user] = User(user, credentials, connection)
        yield made


@pytest.fixture(params=SERVICES)
def user(request: pytest.FixtureRequest, users: dict[str, User]) -> User:
    return users[request.param]


def consume(queue: Queue) -> Callable[[Any], object]:
    return lambda channel: channel.basic_cancel(channel.basic_consume(queue.value, callback=print))


def get(queue: Queue) -> Callable[[Any], object]:
    return lambda channel: channel.basic_get(queue.value)


def purge(queue: Queue) -> Callable[[Any], object]:
    return lambda channel: channel.queue_purge(queue.value)


def publish(url: str, exchange: str, queue: Queue) -> None:
    """Returns when the broker has confirmed."""
    with Connection(url, transport_options={"confirm_publish": True}) as connection:
        producer = Producer(connection.channel())
        producer.publish("{}", exchange=exchange, routing_key=queue.value, mandatory=True, confirm_timeout=30)


def test_every_queue_is_consumed_by_one_service() -> None:
    consumed = [queue for queues in CONSUMED.values() for queue in queues]
    assert sorted(consumed) == sorted(Queue)


def test_a_service_consumes_its_own_queues_and_no_other(clean_broker: BrokerSettings, user: User) -> None:
    assert {queue for queue in Queue if user.may(consume(queue))} == user.consumed


def test_a_service_takes_single_messages_from_its_own_queues_only(clean_broker: BrokerSettings, user: User) -> None:
    assert {queue for queue in Queue if user.may(get(queue))} == user.consumed


def test_a_service_empties_no_queue_of_another(clean_broker: BrokerSettings, user: User) -> None:
    """Its own it could: RabbitMQ asks for the same right as for reading."""
    assert {queue for queue in Queue if user.may(purge(queue))} == user.consumed


def test_a_service_publishes_through_the_default_exchange(clean_broker: BrokerSettings, user: User) -> None:
    """To any queue: RabbitMQ asks for the right to write to the exchange, and for none to the queue behind it."""
    for queue in Queue:
        publish(user.url, "", queue)


def test_a_service_publishes_through_no_other_exchange(
    broker_management: BrokerManagement, broker_settings: BrokerSettings, user: User
) -> None:
    exchanges = {exchange["name"] for exchange in broker_management.exchanges(vhost_of(broker_settings))} - {""}
    assert "amq.direct" in exchanges
    for exchange in exchanges:
        with pytest.raises(AccessRefused):
            publish(user.url, exchange, Queue.PUSH_HIGH)


@pytest.mark.parametrize(
    ("method", "what"),
    [
        (lambda channel: channel.queue_declare("mine", durable=True, auto_delete=False), "declare a queue"),
        (lambda channel: channel.exchange_declare("mine", "direct", durable=True), "declare an exchange"),
        (lambda channel: channel.exchange_delete("amq.direct"), "delete an exchange"),
        *(
            (lambda channel, queue=queue: channel.queue_delete(queue.value), f"delete {queue.value}")
            for queue in Queue
        ),
        *(
            (lambda channel, queue=queue: channel.queue_bind(queue.value, "amq.direct", queue.value), f"bind {queue}")
            for queue in Queue
        ),
    ],
)  # fmt: skip
def test_a_service_changes_nothing_on_the_broker(
    clean_broker: BrokerSettings, user: User, method: Callable[[Any], object], what: str
) -> None:
    assert not user.may(method), f"{user.service} may {what}"


def test_a_service_enters_no_other_vhost(broker_management: BrokerManagement, user: User) -> None:
    with broker_management.bare_vhost(user.url) as elsewhere, pytest.raises(NotAllowed):
        Connection(elsewhere.broker_url.get_secret_value()).connect()


@pytest.mark.parametrize("path", ["/api/overview", "/api/definitions", "/api/whoami", "/api/queues"])
def test_a_service_has_no_access_to_the_management_api(
    server_addresses: ServerAddresses, user: User, path: str
) -> None:
    management = urlsplit(server_addresses.broker_management_url.get_secret_value())
    url = f"{management.scheme}://{management.hostname}:{management.port}{path}"
    answer = httpx.get(url, auth=(user.credentials.name, user.credentials.password), trust_env=False, timeout=30)
    assert answer.status_code == httpx.codes.UNAUTHORIZED

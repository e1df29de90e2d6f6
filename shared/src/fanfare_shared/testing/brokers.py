"""A session's own vhost on RabbitMQ, loaded from `deploy/rabbitmq/definitions.json`, over the management API."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx
from kombu import Connection
from kombu.message import Message
from pydantic import SecretStr

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.testing.polling import until, wait_until

# What definitions.json says of one vhost.
_SECTIONS = ("policies", "queues", "exchanges", "bindings")


class BrokerManagement:
    """RabbitMQ's management API, as far as tests need it."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30)
        self._user = urlsplit(url).username or ""

    def create_vhost(self, vhost: str) -> None:
        self._do("PUT", f"/api/vhosts/{quote(vhost, safe='')}")
        self.permit(vhost, self._user, configure=".*", write=".*", read=".*")

    def delete_vhost(self, vhost: str) -> None:
        self._do("DELETE", f"/api/vhosts/{quote(vhost, safe='')}")

    def load_definitions(self, vhost: str, file: Path) -> None:
        definitions = json.loads(file.read_text())
        own = {
            section: [{key: value for key, value in entry.items() if key != "vhost"} for entry in definitions[section]]
            for section in _SECTIONS
            if section in definitions
        }
        self._do("POST", f"/api/definitions/{quote(vhost, safe='')}", own)

    def create_user(self, name: str, password: str) -> None:
        self._do("PUT", f"/api/users/{name}", {"password": password, "tags": ""})

    def delete_user(self, name: str) -> None:
        self._do("DELETE", f"/api/users/{name}")

    def permit(self, vhost: str, user: str, *, configure: str, write: str, read: str) -> None:
        permissions = {"configure": configure, "write": write, "read": read}
        self._do("PUT", f"/api/permissions/{quote(vhost, safe='')}/{user}", permissions)

    def queues(self, vhost: str) -> list[dict[str, Any]]:
        return self._list(f"/api/queues/{quote(vhost, safe='')}")

    def exchanges(self, vhost: str) -> list[dict[str, Any]]:
        return self._list(f"/api/exchanges/{quote(vhost, safe='')}")

    def close_connections(self, vhost: str) -> int:
        """Closes every connection to the vhost, as an operator or a restart would; how many there were.

        A connection is listed some time after it was made, and for some time after it ended.
        """
        closed = 0
        for connection in self._list(f"/api/vhosts/{quote(vhost, safe='')}/connections"):
            answer = self._http.delete(f"/api/connections/{quote(connection['name'], safe='')}")
            if answer.status_code != httpx.codes.NOT_FOUND:
                answer.raise_for_status()
                closed += 1
        return closed

    @contextmanager
    def user(self, vhost: str, *, configure: str, write: str, read: str) -> Iterator["Credentials"]:
        """A user with these permissions only."""
        credentials = Credentials(f"test-{secrets.token_hex(6)}", secrets.token_hex(12))
        self.create_user(credentials.name, credentials.password)
        try:
            self.permit(vhost, credentials.name, configure=configure, write=write, read=read)
            yield credentials
        finally:
            self.delete_user(credentials.name)

    @contextmanager
    def bare_vhost(self, broker_url: str) -> Iterator[BrokerSettings]:
        """A vhost without any queue."""
        vhost = f"fanfare_test_{secrets.token_hex(6)}"
        self.create_vhost(vhost)
        try:
            yield BrokerSettings(broker_url=SecretStr(urlsplit(broker_url)._replace(path=f"/{vhost}").geturl()))
        finally:
            self.delete_vhost(vhost)

    def declare_queue(self, vhost: str, queue: str) -> None:
        body = {"durable": True, "arguments": {"x-queue-type": "quorum"}}
        self._do("PUT", f"/api/queues/{quote(vhost, safe='')}/{queue}", body)

    def close(self) -> None:
        self._http.close()

    def _do(self, method: str, path: str, body: Any = None) -> None:
        self._http.request(method, path, json=body).raise_for_status()

    def _list(self, path: str) -> list[dict[str, Any]]:
        answer = self._http.get(path).raise_for_status()
        return list(answer.json())


@dataclass(frozen=True)
class Credentials:
    """A user of the broker."""

    name: str
    password: str

    def settings(self, of: BrokerSettings) -> BrokerSettings:
        """The same broker and vhost as this user."""
        parts = urlsplit(of.broker_url.get_secret_value())
        netloc = f"{self.name}:{self.password}@{parts.hostname}:{parts.port}"
        return BrokerSettings(broker_url=SecretStr(parts._replace(netloc=netloc).geturl()))


class QueueReader:
    """Looks into queues from outside Celery."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._connection = Connection(settings.broker_url.get_secret_value())

    def __enter__(self) -> Self:
        self._connection.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.release()

    def depth(self, queue: Queue) -> int:
        """Messages that are ready: fresher than the management API's figures, which are seconds old. Wait for it: a quorum
        queue counts a little later than it confirms.
        """
        return int(self._connection.default_channel.queue_declare(queue.value, passive=True).message_count)

    def empty(self, queue: Queue) -> None:
        """Purges it, once nobody consumes it any more: a consumer that was killed gives back what it had not acknowledged."""
        channel = self._connection.default_channel
        wait_until(
            lambda: not channel.queue_declare(queue.value, passive=True).consumer_count,
            f"nobody consumes {queue.value}",
        )
        channel.queue_purge(queue.value)

    def take(self, queue: Queue) -> Message:
        """The next message, acknowledged, once there is one."""
        try:
            return until(f"a message on {queue.value}", lambda: self._get(queue), seconds=60)
        except TimeoutError as error:
            raise AssertionError(str(error)) from None

    def take_all(self, queue: Queue) -> list[Message]:
        """Every message that was confirmed, acknowledged."""
        return list(iter(lambda: self._get(queue), None))

    def _get(self, queue: Queue) -> Message | None:
        channel = self._connection.default_channel
        message = channel.basic_get(queue.value, no_ack=True)
        return None if message is None else channel.message_to_python(message)


@contextmanager
def loaded_vhost(management: BrokerManagement, broker_url: str, definitions: Path) -> Iterator[BrokerSettings]:
    with management.bare_vhost(broker_url) as settings:
        management.load_definitions(vhost_of(settings), definitions)
        yield settings


def vhost_of(settings: BrokerSettings) -> str:
    return urlsplit(settings.broker_url.get_secret_value()).path.removeprefix("/")

"""What each service of a fleet logs in with: the roles and users of a real deployment, with their rights and no others."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from fanfare_shared.settings import BrokerSettings, DatabaseSettings
from fanfare_shared.testing.brokers import BrokerManagement, vhost_of
from fanfare_shared.testing.environment import ServerAddresses

PERMISSIONS = Path(__file__).resolve().parents[2] / "deploy" / "rabbitmq" / "permissions.json"


def permissions() -> dict[str, dict[str, str]]:
    """By user, RabbitMQ's three patterns: `configure`, `write`, `read`."""
    found = json.loads(PERMISSIONS.read_text())["permissions"]
    return {one["user"]: {name: one[name] for name in ("configure", "write", "read")} for one in found}


@contextmanager
def addresses_of_services(
    servers: ServerAddresses, management: BrokerManagement, database: DatabaseSettings, broker: BrokerSettings
) -> Iterator[dict[str, dict[str, str]]]:
    """`FANFARE_*` settings by service. Where the servers name no roles, the ledger's owner is everybody."""
    with ExitStack() as stack:
        found = {}
        for user, patterns in permissions().items():
            credentials = stack.enter_context(management.user(vhost_of(broker), **patterns))
            found[user] = {"FANFARE_BROKER_URL": credentials.settings(broker).broker_url.get_secret_value()}
        name = urlsplit(database.database_url.get_secret_value()).path
        for service, url in servers.service_database_urls.items():
            found[service]["FANFARE_DATABASE_URL"] = urlsplit(url.get_secret_value())._replace(path=name).geturl()
        yield found

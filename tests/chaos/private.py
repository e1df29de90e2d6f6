"""PostgreSQL, RabbitMQ and Redis of our own, to be killed: the native stack's servers in a folder of their own."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from fanfare_native import stack
from fanfare_native.layout import Layout
from fanfare_native.supervisor import Supervisor
from fanfare_shared.db.migrate import migrate
from fanfare_shared.settings import BrokerSettings, DatabaseSettings
from harness.fleet import ROOT, Fleet


class PrivateServers:
    """Their names are the stack's parts: `postgresql`, `rabbitmq`, `redis`. What is killed is started again at once."""

    def __init__(self, layout: Layout, addresses: dict[str, str]) -> None:
        self._supervisor = Supervisor(layout)
        self._run = layout.run
        self.addresses = addresses

    def kill(self, server: str) -> None:
        """SIGKILL to the server's first process."""
        os.kill(int(self._supervisor.processes()[server]["pid"]), signal.SIGKILL)

    def stop(self, server: str) -> None:
        self._supervisor.stop(server)

    def start(self, server: str) -> None:
        self._supervisor.launch(server)

    def forget_messages(self) -> None:
        """RabbitMQ, which must be stopped, starts with its queues as they are defined, and nothing in them."""
        shutil.rmtree(self._run / "rabbitmq" / "data")


@contextmanager
def private_servers() -> Iterator[PrivateServers]:
    with tempfile.TemporaryDirectory(prefix="fanfare-chaos-") as folder:
        root = Path(folder)
        root.chmod(0o755)  # PostgreSQL runs as a user of its own
        for name in ("deploy", ".venv"):
            (root / name).symlink_to(ROOT / name)
        layout = Layout(root)
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("FANFARE_")]:
                patch.delenv(name)
            addresses = stack.up(layout, only_servers=True)
        try:
            yield PrivateServers(layout, addresses)
        finally:
            stack.remove(layout)


@contextmanager
def fleet_on_private(servers: PrivateServers, folder: Path, settings: dict[str, str]) -> Iterator[Fleet]:
    """On the stack's own vhost, for RabbitMQ starts without any other."""
    database = DatabaseSettings(database_url=SecretStr(servers.addresses["FANFARE_DATABASE_URL"]))
    broker = BrokerSettings(broker_url=SecretStr(servers.addresses["FANFARE_BROKER_URL"]))
    migrate(database)
    with Fleet(database, broker, servers.addresses["FANFARE_REDIS_URL"], folder, settings) as fleet:
        yield fleet

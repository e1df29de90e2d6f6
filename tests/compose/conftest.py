"""One fleet for all of these tests, started as `docker compose up` does."""

from collections.abc import Iterator

import pytest

from compose.compose_file import read
from compose.containers import Machine
from compose.servers import native_servers, serve
from fanfare_shared.testing.ports import free_port


@pytest.fixture(scope="session")
def _machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    file = read({"FANFARE_API_PORT": str(free_port())})
    folder = tmp_path_factory.mktemp("compose")
    with native_servers() as layout, Machine(file, folder) as machine:
        machine.run_to_end("secrets")
        serve(machine, layout)
        machine.localize_secrets()
        for name in ("migrate", "simulator-account"):
            machine.run_to_end(name)
        machine.start("fcm-simulator")
        machine.wait_until_healthy("fcm-simulator")
        yield machine


@pytest.fixture
def machine(_machine: Machine) -> Machine:
    """Every program of ours that Compose keeps running runs, and is healthy."""
    stopped = [name for name in _machine.programs if name not in _machine.processes]
    for name in stopped:
        _machine.start(name)
    for name in stopped:
        _machine.wait_until_healthy(name)
    return _machine

"""A fleet on the session's servers, one on servers of its own, and the table at the end."""

from collections.abc import Iterator

import pytest

from chaos.image_trial import WORKERS as IMAGE_WORKERS
from chaos.matrix import MATRIX, Matrix
from chaos.private import PrivateServers, fleet_on_private, private_servers
from chaos.trial import LATENCY_MS, SETTINGS
from chaos.workers import WORKER_QUEUE, WORKERS
from fanfare_shared.testing.environment import ServerAddresses
from harness.fleet import Fleet, fleet_on

_FLEETS = pytest.StashKey[list[Fleet]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MATRIX] = Matrix()
    config.stash[_FLEETS] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    matrix = config.stash[MATRIX]
    if matrix.rows:
        terminalreporter.section("fault matrix")
        for line in matrix.lines():
            terminalreporter.write_line(line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failure shows the end of every process's log."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.failed:
        for fleet in item.config.stash[_FLEETS]:
            report.sections += [(f"log of {process.name}", process.tail()) for process in fleet.processes.values()]
    return report  # type: ignore[return-value]


@pytest.fixture
def matrix(pytestconfig: pytest.Config) -> Matrix:
    return pytestconfig.stash[MATRIX]


@pytest.fixture(scope="session")
def shared_fleet(
    pytestconfig: pytest.Config, server_addresses: ServerAddresses, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    with fleet_on(server_addresses, tmp_path_factory.mktemp("fleet"), **SETTINGS) as fleet:
        pytestconfig.stash[_FLEETS].append(fleet)
        _start(fleet)
        yield fleet


@pytest.fixture
def fleet(shared_fleet: Fleet) -> Fleet:
    """The fleet with every process running, whatever the last test did to it; the simulator has forgotten it."""
    return _repaired(shared_fleet)


@pytest.fixture(scope="module")
def servers() -> Iterator[PrivateServers]:
    with private_servers() as servers:
        yield servers


@pytest.fixture(scope="module")
def shared_private_fleet(
    pytestconfig: pytest.Config, servers: PrivateServers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    with fleet_on_private(servers, tmp_path_factory.mktemp("private-fleet"), SETTINGS) as fleet:
        pytestconfig.stash[_FLEETS].append(fleet)
        _start(fleet)
        yield fleet


@pytest.fixture
def private_fleet(shared_private_fleet: Fleet) -> Fleet:
    """The same on `servers`."""
    return _repaired(shared_private_fleet)


@pytest.fixture(scope="session")
def shared_image_fleet(
    pytestconfig: pytest.Config, server_addresses: ServerAddresses, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    with fleet_on(server_addresses, tmp_path_factory.mktemp("image-fleet")) as fleet:
        pytestconfig.stash[_FLEETS].append(fleet)
        fleet.start_api()
        fleet.start_orchestrator()
        for worker in IMAGE_WORKERS:
            fleet.start_image_worker(name=worker)
        yield fleet


@pytest.fixture
def image_fleet(shared_image_fleet: Fleet) -> Fleet:
    """A fleet for image jobs, with every process running."""
    _restart_dead(shared_image_fleet)
    shared_image_fleet.wait_until_api_ready()
    shared_image_fleet.wait_until_connected("orchestrator", *IMAGE_WORKERS)
    return shared_image_fleet


def _start(fleet: Fleet) -> None:
    fleet.start_simulator()
    fleet.start_api()
    fleet.start_orchestrator()
    for worker in WORKERS:
        fleet.start_push_worker(WORKER_QUEUE, name=worker)


def _restart_dead(fleet: Fleet) -> None:
    for name in [name for name, process in fleet.processes.items() if not process.alive]:
        fleet.restart(name)


def _repaired(fleet: Fleet) -> Fleet:
    _restart_dead(fleet)
    fleet.wait_until_api_ready()
    fleet.wait_until_connected("orchestrator", *WORKERS)
    fleet.simulator.reset()
    fleet.simulator.script(latency={"ms": LATENCY_MS})
    return fleet

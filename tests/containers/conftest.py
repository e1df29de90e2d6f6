"""One fleet from the images for all of these tests. No engine or no image is an error: who runs these wants to know."""

from collections.abc import Iterator

import pytest

from containers.engine import Engine, chosen_engine
from containers.fleet import ContainerFleet, image_of
from fanfare_shared.contracts.words import Lane
from fanfare_shared.testing.environment import ServerAddresses
from harness.fleet import own_servers

SERVICES = ("api", "orchestrator", "push-worker", "image-worker")


@pytest.fixture(scope="session")
def engine() -> Engine:
    engine = chosen_engine()
    missing = [image for image in map(image_of, SERVICES) if not engine.has(image)]
    if missing:
        raise RuntimeError(f"{engine.program} has no {', '.join(missing)}: run `make images` first")
    return engine


@pytest.fixture(scope="session")
def fleet(
    engine: Engine, server_addresses: ServerAddresses, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ContainerFleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with own_servers(server_addresses) as own, ContainerFleet(**own, folder=folder, engine=engine) as fleet:
        fleet.with_metrics = True
        fleet.start_all(priorities=("normal",), lanes=(Lane.INTERACTIVE,))
        yield fleet

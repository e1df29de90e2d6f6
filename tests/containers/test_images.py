"""The four images do their work as they are: with their own command, user, environment and probes, on a read-only root."""

import json
from itertools import count
from pathlib import Path

import psycopg
import pytest

from containers.container import Container
from containers.engine import Engine
from containers.fleet import ContainerFleet, image_of
from fanfare_shared.testing.databases import empty_database
from fanfare_shared.testing.environment import ServerAddresses
from harness.album import Album
from harness.company import Company
from harness.images.pictures import cornered_jpeg

CONTAINERS = ["api", "orchestrator", "push-worker-normal", "image-worker-interactive"]
# The workers' 30 s for what runs (FANFARE_WORKER_SHUTDOWN_SECONDS), and what a loaded machine needs to end a process.
GRACE_SECONDS = 90
_numbers = count()
pytestmark = pytest.mark.timeout(900)  # an engine's own work comes on top of the fleet's


@pytest.fixture
def company(fleet: ContainerFleet) -> Company:
    fleet.simulator.reset()
    number = next(_numbers)
    app = fleet.client.register_app(fleet.simulator.credentials(f"project-{number}"), name=f"project-{number}")
    return Company(fleet, app["id"], f"test{number}", app["webhook_secret"])


@pytest.fixture(params=CONTAINERS)
def container(request: pytest.FixtureRequest, fleet: ContainerFleet) -> Container:
    return fleet.containers[request.param]


def printed(container: Container, *command: str) -> str:
    done = container.execute(*command)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_campaign_reaches_every_device_once(company: Company) -> None:
    tokens = company.add_devices(3000)
    stats = company.finish(company.send())
    assert (stats["status"], stats["success"]) == ("completed", 3000)
    assert company.simulator.missing(tokens).total == 0
    assert company.simulator.duplicates().tokens == 0


def test_an_upload_becomes_its_variant_in_the_mounted_storage(fleet: ContainerFleet) -> None:
    album = Album(fleet, next(_numbers))
    album.add({"photo.jpg": cornered_jpeg(1600, 1200)})
    variant = album.images(status="ready")["photo.jpg"]["variants"]["resized"]
    assert (variant["width"], variant["height"]) == (800, 600)
    assert len(album.download(variant["address"])) == variant["size"]
    assert variant["size"] in [file.stat().st_size for file in fleet.storage.rglob("*") if file.is_file()]


def test_a_push_worker_that_is_asked_to_stop_sends_nothing_twice(fleet: ContainerFleet, company: Company) -> None:
    tokens = company.add_devices(3000)
    campaign = company.send(rate_per_second=500)
    company.client.wait_for_sent(campaign, 300)
    assert fleet.processes["push-worker-normal"].stop(GRACE_SECONDS) == 0
    fleet.restart("push-worker-normal")
    fleet.wait_until_connected("push-worker-normal")
    stats = company.finish(campaign)
    assert (stats["status"], stats["success"], stats["unknown"]) == ("completed", 3000, 0)
    assert company.simulator.missing(tokens).total == 0
    assert company.simulator.duplicates().tokens == 0


@pytest.mark.parametrize("name", CONTAINERS)
def test_sigterm_ends_it_with_status_0_within_its_grace(fleet: ContainerFleet, name: str) -> None:
    assert fleet.processes[name].stop(GRACE_SECONDS) == 0
    fleet.restart(name)
    if name == "api":
        fleet.wait_until_api_ready()
    else:
        fleet.wait_until_connected(name)


def test_its_health_check_succeeds(container: Container) -> None:
    printed(container, *container.engine.health_check(container.image))


@pytest.mark.parametrize("name", CONTAINERS)
def test_its_probes_say_that_it_is_alive_and_ready(fleet: ContainerFleet, name: str) -> None:
    assert fleet.probe(name, "live") == ""
    assert fleet.probe(name, "ready") == ""


def test_its_metrics_are_served(fleet: ContainerFleet, container: Container) -> None:
    assert "fanfare_build_info" in fleet.metrics(container.name)


def test_it_is_the_image_s_user(container: Container) -> None:
    assert printed(container, "id", "-u") == "10001"
    assert printed(container, "id", "-g") == "10001"


def test_nothing_of_its_root_is_written(container: Container) -> None:
    assert container.is_root_untouched


def test_it_has_no_uv_and_no_compiler(container: Container) -> None:
    for program in ("uv", "gcc", "cc", "g++", "ld", "make", "rustc", "cargo"):
        assert container.execute("sh", "-c", f"command -v {program}").returncode != 0, program


def test_its_bill_of_materials_is_what_it_has_installed(container: Container) -> None:
    document = json.loads(printed(container, "cat", "/opt/fanfare/sbom.cdx.json"))
    code = "import importlib.metadata as m, json; print(json.dumps([[d.name, d.version] for d in m.distributions()]))"
    installed = json.loads(printed(container, "/opt/fanfare/bin/python", "-I", "-c", code))
    components = [document["metadata"]["component"], *document["components"]]
    assert {(component["name"], component["version"]) for component in components} == {
        (name.lower().replace("_", "-").replace(".", "-"), version) for name, version in installed
    }


@pytest.mark.parametrize("service", ["api", "orchestrator"])
def test_it_migrates_a_ledger(service: str, engine: Engine, server_addresses: ServerAddresses, tmp_path: Path) -> None:
    with empty_database(server_addresses.database_url.get_secret_value()) as database:
        url = database.database_url.get_secret_value()
        migration = Container(
            "migrate",
            engine,
            image_of(service),
            {"FANFARE_DATABASE_URL": url},
            tmp_path,
            command=["fanfare-migrate"],
        )
        try:
            assert migration.wait(120) == 0, migration.tail()
        finally:
            migration.kill()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM campaigns").fetchone() == (0,)

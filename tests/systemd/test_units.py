"""The units are what systemd understands, and what they start is the fleet and stops in time."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from fanfare_api.settings import ApiSettings
from fanfare_native import programs
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import Lane, Priority
from fanfare_shared.settings import WorkerSettings
from fanfare_shared.testing.environment import ServerAddresses
from fanfare_shared.testing.polling import until
from fanfare_shared.testing.ports import free_port
from harness.fleet import HOST, Fleet, fleet_on
from harness.processes import Process
from systemd.units import COMMON, FOLDER, Unit, settings

INSTALLED = "/opt/fanfare/bin"
PROGRAMS = Path(sys.executable).parent
PUSH = [f"fanfare-push-worker@{priority.value}" for priority in Priority]
IMAGES = [f"fanfare-image-worker@{Queue.for_images(lane).value}" for lane in Lane]
WORKERS = ["fanfare-orchestrator", *PUSH, *IMAGES]
UNITS = ["fanfare-migrate", "fanfare-api", *WORKERS]


@pytest.fixture(scope="module")
def fleet(server_addresses: ServerAddresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Its servers and the simulator; no service."""
    with fleet_on(server_addresses, tmp_path_factory.mktemp("systemd")) as fleet:
        fleet.start_simulator()
        yield fleet


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units, with the programs of this checkout."""
    folder = tmp_path_factory.mktemp("units")
    (folder / COMMON.parent.name).mkdir()
    (folder / COMMON.parent.name / COMMON.name).write_text(COMMON.read_text())
    for file in [*FOLDER.glob("*.service"), *FOLDER.glob("*.target")]:
        (folder / file.name).write_text(file.read_text().replace(INSTALLED, str(PROGRAMS)))
    for name in (*PUSH, *IMAGES):
        (folder / f"{name}.service").symlink_to(folder / Unit(name).file.name)
    return folder


def analyze(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    programs.ensure(programs.SYSTEMD)
    return subprocess.run(
        [programs.program(programs.SYSTEMD, "systemd-analyze"), *arguments],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_systemd_understands_every_line(installed: Path) -> None:
    units = [str(installed / f"{name}.service") for name in UNITS]
    verified = analyze(
        installed, "verify", "--man=no", "--recursive-errors=yes", *units, str(installed / "fanfare.target")
    )
    assert (verified.returncode, verified.stderr) == (0, "")


def test_a_mistake_is_found(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "fanfare-wrong.service").write_text(
        f"[Service]\nExecStart={PROGRAMS / 'fanfare-api'}\nMemoryMaximum=1G\n"
    )
    verified = analyze(
        tmp_path, "verify", "--man=no", "--recursive-errors=yes", str(tmp_path / "fanfare-wrong.service")
    )
    assert "MemoryMaximum" in verified.stderr


@pytest.mark.parametrize("name", ["fanfare-api", "fanfare-orchestrator", "fanfare-push-worker@high"])
def test_a_service_is_in_a_sandbox(installed: Path, name: str) -> None:
    """Systemd's own mark: 0 is the best, 9.6 a unit that says nothing."""
    rated = analyze(
        installed, "security", "--offline=true", "--threshold=25", "--no-pager", str(installed / f"{name}.service")
    )
    assert rated.returncode == 0, rated.stdout[-500:] + rated.stderr


@pytest.mark.parametrize("name", UNITS)
def test_whoever_ends_is_started_again_and_only_the_main_process_is_told_to_stop(name: str) -> None:
    unit = Unit(name)
    assert unit.value("KillMode") == "mixed"
    assert unit.value("Restart") == ("on-failure" if name == "fanfare-migrate" else "always")
    assert unit.value("StartLimitIntervalSec") == "0"
    assert unit.value("MemoryMax")
    assert int(unit.value("LimitNOFILE")) >= 65_536


@pytest.mark.parametrize("name", ["fanfare-api", *WORKERS])
def test_a_service_waits_for_the_migration_and_is_not_restarted_with_it(name: str) -> None:
    """What requires a unit is stopped and started with it, all of them at once."""
    unit = Unit(name)
    assert "fanfare-migrate.service" in unit.values("After")
    assert "fanfare-migrate.service" in unit.values("Wants")
    for binding in ("Requires", "Requisite", "BindsTo"):
        assert unit.values(binding) == []


def test_the_user_of_every_service_is_made(tmp_path: Path) -> None:
    programs.ensure(programs.SYSTEMD)
    sysusers = programs.program(programs.SYSTEMD, "systemd-sysusers")
    (tmp_path / "etc").mkdir()
    made = subprocess.run(
        [sysusers, f"--root={tmp_path}", "-"],
        input=(FOLDER / "fanfare.sysusers").read_text(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    users = {line.split(":")[0] for line in (tmp_path / "etc" / "passwd").read_text().splitlines()}
    assert {Unit(name).value("User") for name in UNITS} == users


def test_a_service_is_given_more_time_to_stop_than_it_takes() -> None:
    assert int(Unit("fanfare-api").value("TimeoutStopSec")) > ApiSettings.model_fields["api_drain_seconds"].default
    shutdown = WorkerSettings.model_fields["worker_shutdown_seconds"].default
    for name in WORKERS:
        assert int(Unit(name).value("TimeoutStopSec")) >= shutdown + 15


def test_each_worker_consumes_the_queue_that_its_instance_names() -> None:
    consumed = [
        settings("\n".join(Unit(name).values("Environment")))["FANFARE_WORKER_QUEUES"] for name in [*PUSH, *IMAGES]
    ]
    of_push = [Queue.for_push(priority).value for priority in Priority]
    assert consumed == [*of_push, *(Queue.for_images(lane).value for lane in Lane)]


def test_every_settings_file_that_must_be_there_has_an_example() -> None:
    for name in UNITS:
        for file in Unit(name).values("EnvironmentFile"):
            assert file.startswith("-") or (FOLDER / "examples" / Path(file).name).is_file(), file


def test_the_readme_names_every_unit_and_no_other() -> None:
    readme = (FOLDER / "README.md").read_text()
    named = set(
        re.findall(r"\bfanfare-[a-z-]+@?(?=[\s{}\\])", readme.partition("systemctl enable")[2].partition("```")[0])
    )
    assert named - {"fanfare-"} == {file.name.removesuffix(".service") for file in FOLDER.glob("*.service")}


def start(name: str, fleet: Fleet, folder: Path) -> Process:
    """The unit's own command and environment; its settings files say what this fleet's would."""
    unit = Unit(name)
    (program,) = unit.value("ExecStart").split()
    program = program.removeprefix(f"{INSTALLED}/")
    of_fleet = fleet._environment(program)

    def read(file: str) -> str:
        example = FOLDER / "examples" / Path(file.removeprefix("-")).name
        names = settings(example.read_text()) if example.is_file() else {}
        given = {name: of_fleet.get(name, value) for name, value in names.items()}
        if "FANFARE_METRICS_PORT" in given:
            given["FANFARE_METRICS_PORT"] = str(free_port())
        return "".join(f"{name}={value}\n" for name, value in given.items())

    environment = unit.environment(folder, read) | {
        "FANFARE_API_HOST": HOST,
        "FANFARE_API_PORT": str(fleet._api_port),
        "FANFARE_METRICS_HOST": HOST,
    }
    for runtime in unit.values("RuntimeDirectory"):
        (folder / runtime).mkdir()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FANFARE_")}
    return Process(name, [str(PROGRAMS / program)], inherited | environment, folder)


def test_migrate_ends_by_itself(fleet: Fleet, tmp_path: Path) -> None:
    process = start("fanfare-migrate", fleet, tmp_path)
    assert process.wait(120) == 0, process.tail()
    with psycopg.connect(fleet.database.database_url.get_secret_value()) as connection:
        assert connection.execute("SELECT count(*) FROM campaigns").fetchone() == (0,)


def test_the_api_serves_until_it_is_told_to_stop(fleet: Fleet, tmp_path: Path) -> None:
    fleet.processes["api"] = process = start("fanfare-api", fleet, tmp_path)
    fleet.wait_until_api_ready()
    assert process.stop(timeout=int(Unit("fanfare-api").value("TimeoutStopSec"))) == 0


def ended_or_there(process: Process, file: Path) -> bool:
    return not process.alive or file.exists()


def test_a_worker_of_each_kind_works_until_it_is_told_to_stop(fleet: Fleet, tmp_path: Path) -> None:
    names = ["fanfare-orchestrator", "fanfare-push-worker@high", "fanfare-image-worker@images.bulk"]
    processes = {name: start(name, fleet, tmp_path) for name in names}
    try:
        for name, process in processes.items():
            ready = tmp_path / Unit(name).value("RuntimeDirectory") / "ready"
            until(f"{name} is ready", partial(ended_or_there, process, ready), 120)
            assert process.alive, process.tail()
        for name, process in processes.items():
            assert process.stop(timeout=int(Unit(name).value("TimeoutStopSec"))) == 0
    finally:
        for process in processes.values():
            process.kill()

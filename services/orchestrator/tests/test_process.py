"""`fanfare-orchestrator` as it runs: the worker, its companions, and no message but those it makes itself."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from kombu import Connection

from fanfare_orchestrator.main import COMPANIONS
from fanfare_shared.contracts.messages import ProcessBatch, SendBatch
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.schedule import SCHEDULE
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.testing.polling import wait_until
from fanfare_shared.testing.ports import free_port

PICKLE = "application/x-python-serialize"


@pytest.fixture
def orchestrator(
    database_url: str, clean_broker: BrokerSettings, redis_url: str, tmp_path: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    command = Path(sys.executable).with_name("fanfare-orchestrator")
    environment = os.environ | {
        "FANFARE_DATABASE_URL": database_url,
        "FANFARE_BROKER_URL": clean_broker.broker_url.get_secret_value(),
        "FANFARE_REDIS_URL": redis_url,
        "FANFARE_FCM_ENDPOINT": "https://localhost:9",
        "FANFARE_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "FANFARE_WORKER_CONCURRENCY": "1",
        "FANFARE_METRICS_DIR": str(tmp_path / "metrics"),
        "FANFARE_STORAGE_URL": (tmp_path / "storage").as_uri(),
        "FANFARE_METRICS_PORT": str(free_port()),
        "FANFARE_PUSH_BATCH_SIZE": "10",
    }
    with subprocess.Popen([command], env=environment, start_new_session=True) as process:
        yield process
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def sweep_of(worker: int) -> int | None:
    return companion_of(worker, "fanfare_orchestrator.sweep")


def companion_of(worker: int, module: str) -> int | None:
    """The pid of the process that the worker keeps running beside it."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_child = f"PPid:\t{worker}\n" in (folder / "status").read_text()
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if is_child and module.encode() in command:
            return int(folder.name)
    return None


def test_a_campaign_of_which_every_hint_was_lost_is_planned_and_dispatched(
    office: Any, hints: Any, orchestrator: "subprocess.Popen[bytes]"
) -> None:
    app_id = office.app()
    office.devices(app_id, 25)
    campaign_id = office.campaign(app_id)
    office.execute("UPDATE campaigns SET due_at = now()")
    taken: list[SendBatch] = []
    wait_until(lambda: len(_collect(taken, hints)) == 3, "three batches published")
    assert office.row("campaign_plans", campaign_id)["total"] == 25


def test_an_image_job_of_which_every_hint_was_lost_is_planned_and_dispatched(
    office: Any, hints: Any, orchestrator: "subprocess.Popen[bytes]"
) -> None:
    office.execute(
        "INSERT INTO originals (id, digest, key, size, media_type)"
        " VALUES (gen_random_uuid(), 'digest', 'key', 1, 'image/jpeg')"
    )
    office.execute(
        "INSERT INTO images (id, original_id, name, status, created_by)"
        " SELECT gen_random_uuid(), id, 'photo', 'ready', 'test' FROM originals, generate_series(1, 120)"
    )
    office.execute(
        "INSERT INTO image_jobs (id, operation, target, lane, status, created_by, due_at)"
        " VALUES (gen_random_uuid(), 'process', '{\"all\": true}', 'images.bulk', 'processing', 'test', now())"
    )
    taken: list[ProcessBatch] = []

    def published() -> int:
        taken.extend(hints.take(ProcessBatch, Queue.IMAGES_BULK))
        return len(taken)

    wait_until(lambda: published() == 3, "three batches published")
    assert office.rows("SELECT total FROM image_job_plans") == [{"total": 120}]


def test_the_sweep_is_started_again_and_ends_with_the_worker(
    office: Any, orchestrator: "subprocess.Popen[bytes]"
) -> None:
    wait_until(lambda: sweep_of(orchestrator.pid) is not None, "the sweep runs")
    first = sweep_of(orchestrator.pid)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: sweep_of(orchestrator.pid) not in {None, first}, "the sweep runs again")
    orchestrator.terminate()
    assert orchestrator.wait(100) == 0
    wait_until(lambda: not _group_exists(orchestrator.pid), "no process is left")


@pytest.mark.parametrize("module", COMPANIONS)
def test_a_companion_ends_when_the_worker_is_killed(
    office: Any, orchestrator: "subprocess.Popen[bytes]", module: str
) -> None:
    wait_until(lambda: companion_of(orchestrator.pid, module) is not None, f"{module} runs")
    companion = companion_of(orchestrator.pid, module)
    assert companion is not None
    os.kill(orchestrator.pid, signal.SIGKILL)
    wait_until(lambda: not _is_running(companion), f"{module} ended")


def _collect(taken: list[SendBatch], hints: Any) -> list[SendBatch]:
    taken += hints.take(SendBatch, Queue.PUSH_NORMAL)
    return taken


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _is_running(pid: int) -> bool:
    """False for a zombie that nobody has reaped yet, too."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_it_takes_dead_letters_makes_the_days_runs_and_attempts_notifications(
    office: Any, hints: Any, clean_broker: BrokerSettings, orchestrator: "subprocess.Popen[bytes]"
) -> None:
    app_id = office.app()
    office.execute(
        "INSERT INTO notifications (id, campaign_id, app_id, kind, event, target, payload, due_at) VALUES"
        " (gen_random_uuid(), %s, %s, 'webhook', 'campaign.completed', 'https://localhost/', '{}', now())",
        office.campaign(app_id, status="completed"),
        app_id,
    )
    with Connection(clean_broker.broker_url.get_secret_value()) as connection:
        connection.Producer().publish(
            b"\xff", exchange="", routing_key="campaigns", content_type=PICKLE, serializer=None
        )
    wait_until(
        lambda: bool(office.rows("SELECT FROM notifications WHERE status = 'RETRY' AND attempts = 1")), "an attempt"
    )
    made = "SELECT name FROM schedule_runs WHERE status IN ('SUCCESS', 'FAILURE')"
    names = {work.name for work in SCHEDULE}
    wait_until(lambda: {row["name"] for row in office.rows(made)} == names, "every daily work is run")
    wait_until(lambda: bool(office.rows("SELECT FROM dead_letters")), "the dead letter is listed")
    (letter,) = office.rows("SELECT * FROM dead_letters")
    assert (letter["queue"], letter["reason"], letter["body"]) == ("campaigns", "rejected", "\\xff")

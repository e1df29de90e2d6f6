"""The console script as a real process: a message on the queue becomes a send, and SIGTERM gives the batch back."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from fanfare_shared.contracts.messages import RunProbe, SendBatch
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import Priority
from fanfare_shared.ids import uuid7
from fanfare_shared.testing.brokers import QueueReader
from fanfare_shared.testing.polling import wait_until
from harness.push_worker import KEY, Worker


@pytest.fixture
def start(worker_settings: dict[str, Any], tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a worker with one child; further settings as environment. Stopped when the test ends."""
    started: list[subprocess.Popen[bytes]] = []

    def run(**settings: str) -> subprocess.Popen[bytes]:
        plain = {
            f"FANFARE_{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in worker_settings.items()
        }
        environment = os.environ | plain | {"FANFARE_WORKER_CONCURRENCY": "1"} | settings
        log = (tmp_path / "worker.log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-c", "from fanfare_push_worker.main import main; main()"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def publish(worker: Worker) -> None:
    message = SendBatch(batch_id=worker.world.batch_id, campaign_id=worker.world.campaign_id, priority=Priority.NORMAL)
    worker.process.publisher.publish(message)


def test_a_batch_message_is_sent_once_and_the_campaign_is_to_be_settled(
    worker: Worker, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    worker.campaign(250)
    for _ in range(5):
        publish(worker)
    start()
    wait_until(lambda: worker.batch()["status"] == "closed", "the batch is closed")
    with QueueReader(worker.process.settings) as queues:
        wait_until(lambda: queues.depth(Queue.PUSH_NORMAL) == 0, "every message is taken")
        wait_until(lambda: queues.depth(Queue.PUSH_RESULTS) == 1, "the campaign is to be settled")
    counts = worker.simulator.client.counts()
    assert (counts.received, counts.accepted_tokens) == (250, 250)


def test_sigterm_drains_and_gives_the_batch_back_so_that_nobody_is_sent_to_twice(
    worker: Worker, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    worker.simulator.client.script(latency={"ms": 800})
    worker.campaign(2000)
    publish(worker)
    process = start()
    wait_until(lambda: worker.simulator.client.counts().accepted > 200, "the batch is being sent")
    process.send_signal(signal.SIGTERM)
    process.wait(100)
    batch = worker.batch()
    assert batch["status"] == "ready"
    assert 0 < batch["started"] < 2000
    assert len(worker.deliveries()) == batch["started"]
    assert worker.simulator.client.counts().received == batch["started"]


def test_an_app_is_checked_by_a_validate_only_send(
    worker: Worker, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    world = worker.campaign(1)
    probe_id = uuid7()
    with worker.ledger.statement() as connection:
        connection.execute(
            "INSERT INTO probes (id, kind, app_id, due_at) VALUES (%s, 'app_check', %s, now())",
            (probe_id, world.app_id),
        )
    worker.process.publisher.publish(RunProbe(probe_id=probe_id))
    start()
    wait_until(lambda: worker.rows("SELECT status FROM probes")[0]["status"] == "SUCCESS", "the app is checked")
    counts = worker.simulator.client.counts()
    assert (counts.validated, counts.accepted) == (1, 0)
    assert KEY not in str(worker.rows("SELECT * FROM probes"))

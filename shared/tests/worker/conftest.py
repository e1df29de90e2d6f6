"""A real worker in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.testing.brokers import QueueReader
from fanfare_shared.testing.ports import free_port
from fanfare_shared.testing.worker_process import StartWorker, WorkerProcess
from fanfare_shared.worker.app import make_app
from fanfare_shared.worker.publisher import Publisher


@pytest.fixture
def start_worker(clean_broker: BrokerSettings, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts the example service on the session's vhost, with further `FANFARE_*` settings by keyword."""
    with _workers(clean_broker, tmp_path) as start:
        yield start


@pytest.fixture
def worker(start_worker: StartWorker) -> WorkerProcess:
    worker = start_worker()
    worker.wait_until_connected()
    return worker


@pytest.fixture(scope="module")
def shared_worker(broker_settings: BrokerSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """One worker for a module's tests that leave it as it was. It begins with empty queues."""
    with QueueReader(broker_settings) as reader:
        for queue in Queue:
            reader.empty(queue)
    with _workers(broker_settings, tmp_path_factory.mktemp("shared-worker")) as start:
        worker = start()
        worker.wait_until_connected()
        yield worker


@contextmanager
def _workers(publish_to: BrokerSettings, folder: Path) -> Iterator[StartWorker]:
    started: list[WorkerProcess] = []

    def start(broker: BrokerSettings = publish_to, **further: str) -> WorkerProcess:
        own = folder / f"worker-{len(started)}"
        own.mkdir()
        port = free_port()
        settings = {
            "broker_url": broker.broker_url.get_secret_value(),
            "example_folder": str(own),
            "heartbeat_file": str(own / "heartbeat"),
            "ready_file": str(own / "ready"),
            "metrics_dir": str(own / "metrics"),
            "metrics_host": "127.0.0.1",
            "metrics_port": str(port),
        } | further
        with (own / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("example_service.py"))],
                env=os.environ
                | {f"FANFARE_{name.upper()}": value for name, value in settings.items()}
                | {"TMPDIR": str(own)},
                cwd=own,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        publisher = Publisher(make_app("test", publish_to))
        started.append(WorkerProcess(process, own, f"http://127.0.0.1:{port}/metrics", publisher))
        return started[-1]

    try:
        yield start
    finally:
        for worker in started:
            worker.kill()

"""The console script as a real process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from kombu import Connection

from fanfare_image_worker.main import QUEUES
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import Lane
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.testing.brokers import QueueReader
from fanfare_shared.testing.polling import wait_until


@pytest.fixture
def image_worker(
    database_url: str, clean_broker: BrokerSettings, tmp_path: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    command = Path(sys.executable).with_name("fanfare-image-worker")
    environment = os.environ | {
        "FANFARE_DATABASE_URL": database_url,
        "FANFARE_BROKER_URL": clean_broker.broker_url.get_secret_value(),
        "FANFARE_STORAGE_URL": tmp_path.as_uri(),
        "FANFARE_WORKER_CONCURRENCY": "1",
    }
    with subprocess.Popen([command], env=environment, start_new_session=True) as process:
        yield process
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_it_consumes_the_queue_of_every_lane_and_rejects_what_it_cannot_read(
    clean_broker: BrokerSettings, image_worker: "subprocess.Popen[bytes]"
) -> None:
    assert set(QUEUES) == {Queue.for_images(lane) for lane in Lane}
    with Connection(clean_broker.broker_url.get_secret_value()) as connection:
        for queue in QUEUES:
            connection.Producer().publish(
                b"\xff", exchange="", routing_key=queue.value, content_type="image/jpeg", serializer=None
            )
    with QueueReader(clean_broker) as queues:
        wait_until(lambda: queues.depth(Queue.DEAD) == len(QUEUES), "every queue's message is set aside", within=30)


def test_it_ends_on_sigterm_with_status_0(
    clean_broker: BrokerSettings, image_worker: "subprocess.Popen[bytes]"
) -> None:
    with Connection(clean_broker.broker_url.get_secret_value()) as connection, QueueReader(clean_broker) as queues:
        connection.Producer().publish(b"\xff", exchange="", routing_key=Queue.IMAGES_BULK.value, serializer=None)
        wait_until(lambda: queues.depth(Queue.DEAD) == 1, "it runs", within=30)
    image_worker.terminate()
    assert image_worker.wait(40) == 0

"""The console script as a real process, killed in the middle of an image: nothing is lost, nothing is done twice.

An original that is a named pipe holds whoever opens it, so that a test can come in the middle of an image.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from pydantic import SecretStr

from fanfare_shared.contracts.messages import ProcessBatch
from fanfare_shared.contracts.words import Lane
from fanfare_shared.images.formats import OutputFormat
from fanfare_shared.images.pipeline import Pipeline, Variant
from fanfare_shared.testing.polling import wait_until
from harness.image_worker import ImageWorker
from harness.images.photos import jpeg
from harness.images.segments import png, webp

PHOTOS = [jpeg(64, 48, seed=seed) for seed in range(5)]

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def worker_log(tmp_path: Path) -> Path:
    return tmp_path / "worker.log"


@pytest.fixture
def start(image_settings: dict[str, Any], worker_log: Path) -> Iterator[Start]:
    """Starts a worker with one child; further settings as environment. Killed with its children when the test ends."""
    started: list[subprocess.Popen[bytes]] = []

    def run(**settings: str) -> subprocess.Popen[bytes]:
        plain = {
            f"FANFARE_{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in image_settings.items()
        }
        further = {f"FANFARE_{name.upper()}": value for name, value in settings.items()}
        with worker_log.open("ab") as log:
            process = subprocess.Popen(
                [Path(sys.executable).with_name("fanfare-image-worker")],
                env=os.environ | plain | {"FANFARE_WORKER_CONCURRENCY": "1"} | further,
                start_new_session=True,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        return process

    yield run
    for process in started:
        kill_all(process)


def kill_all(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def publish(worker: ImageWorker) -> None:
    for batch_id in worker.world.batch_ids:
        lane = Lane(worker.batch(batch_id)["lane"])
        worker.process.publisher.publish(ProcessBatch(batch_id=batch_id, job_id=worker.world.job_id, lane=lane))


class HeldOriginal:
    """The original of the world's image at a position. Whoever reads it waits for `release`, and then finds it empty."""

    def __init__(self, worker: ImageWorker, position: int) -> None:
        self._worker = worker
        self._position = position
        query = "SELECT key FROM originals o JOIN images i ON i.original_id = o.id WHERE i.id = %s"
        key = worker.rows(query, worker.world.image_ids[position])[0]["key"]
        self._file = Path(urlsplit(worker.process.settings.storage_url).path, key)
        self._content = self._file.read_bytes()
        self._file.unlink()
        os.mkfifo(self._file)

    def wait_until_reached(self) -> None:
        """The image is begun, and cannot end."""
        wait_until(lambda: self._worker.batch()["running"] == self._position, "the image is begun")

    def restore(self) -> None:
        """For the next reader. The present one goes on waiting."""
        self._file.unlink()
        self._file.write_bytes(self._content)

    def release(self) -> None:
        with self._file.open("wb"):
            pass


def child_of(worker: ImageWorker) -> int:
    return int(worker.batch()["worker"].split(":")[1])


def assert_done(worker: ImageWorker, died_at: int) -> None:
    wait_until(lambda: worker.batch()["status"] == "closed", "the batch is closed")
    tries = [(item["status"], item["attempts"], item["deaths"]) for item in worker.items()]
    assert tries == [("succeeded", 2, 1) if at == died_at else ("succeeded", 1, 0) for at in range(len(PHOTOS))]
    job = worker.row()
    assert (job["succeeded"], job["failed"], job["settled"]) == (len(PHOTOS), 0, len(PHOTOS))
    assert len(worker.rows("SELECT * FROM variants")) == len(PHOTOS)


def test_a_killed_child_s_batch_is_taken_up_at_once(worker: ImageWorker, start: Start) -> None:
    worker.upload(PHOTOS, lane=Lane.BULK)
    held = HeldOriginal(worker, 2)
    publish(worker)
    start()
    held.wait_until_reached()
    held.restore()
    os.kill(child_of(worker), signal.SIGKILL)
    assert_done(worker, died_at=2)


def test_a_killed_worker_s_batch_is_taken_up_by_the_next_one(worker: ImageWorker, start: Start) -> None:
    worker.upload(PHOTOS, lane=Lane.BULK)
    held = HeldOriginal(worker, 0)
    publish(worker)
    first = start()
    held.wait_until_reached()
    held.restore()
    kill_all(first)
    start()
    assert_done(worker, died_at=0)


def test_sigterm_lets_the_image_end_and_gives_the_rest_back(
    worker: ImageWorker, start: Start, worker_log: Path
) -> None:
    worker.upload(PHOTOS, lane=Lane.BULK)
    held = HeldOriginal(worker, 2)
    publish(worker)
    process = start()
    held.wait_until_reached()
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: "shutting down" in worker_log.read_text(), "the worker has seen the signal")
    held.release()
    assert process.wait(60) == 0
    batch = worker.batch()
    assert (batch["status"], batch["worker"], batch["succeeded"], batch["failed"]) == ("ready", None, 2, 1)
    assert worker.outcomes() == [("succeeded", None)] * 2 + [("failed", "IMAGE_EMPTY")] + [("pending", None)] * 2
    assert {item["deaths"] for item in worker.items()} == {0}


def test_an_image_that_kills_its_worker_twice_is_set_aside_and_the_rest_is_done(
    worker: ImageWorker, start: Start
) -> None:
    # 25 megapixels of AVIF, eight times: a quarter of a minute at the least, where the others take less than a second.
    killer = png(5_000, 5_000)
    variants = [Variant(name=f"q{quality}", format=OutputFormat.AVIF, quality=quality) for quality in range(60, 68)]
    pipeline = Pipeline(variants=variants)
    world = worker.upload([PHOTOS[0], killer, PHOTOS[1]], pipeline, lane=Lane.HEAVY)
    with worker.ledger.statement() as connection:
        connection.execute("UPDATE originals SET media_type = 'image/png' WHERE size = %s", (len(killer),))
    publish(worker)
    start(image_time_limit_seconds="3")
    wait_until(lambda: worker.batch()["status"] == "closed", "the batch is closed")
    assert worker.outcomes() == [("succeeded", None), ("failed", "IMAGE_KILLED_WORKER"), ("succeeded", None)]
    item = worker.items()[1]
    assert (item["attempts"], item["deaths"]) == (2, 2)
    assert "3 s" in item["error_message"]
    image = worker.image_row(world.image_ids[1])
    assert (image["status"], image["error_code"]) == ("failed", "IMAGE_KILLED_WORKER")
    job = worker.row()
    assert (job["succeeded"], job["failed"], job["settled"]) == (2, 1, 3)
    assert job["errors"] == {"IMAGE_KILLED_WORKER": 1}


def test_an_image_that_needs_more_memory_than_there_is_leaves_its_worker_alive(
    worker: ImageWorker, start: Start
) -> None:
    # 14,000 pixels a side: 588 MB of them, from less than 40 bytes.
    worker.upload([PHOTOS[0], webp(14_000, 14_000), PHOTOS[1]], lane=Lane.HEAVY)
    publish(worker)
    start(image_memory_limit_bytes=str(256 * 1024 * 1024))
    wait_until(lambda: worker.batch()["status"] == "closed", "the batch is closed")
    assert worker.outcomes() == [("succeeded", None), ("failed", "IMAGE_OUT_OF_MEMORY"), ("succeeded", None)]
    assert {item["deaths"] for item in worker.items()} == {0}
    assert worker.batch()["epoch"] == 1


def test_a_killed_worker_s_archive_is_made_again_and_counts_once(worker: ImageWorker, start: Start) -> None:
    images = [worker.image(data, f"{number}.jpg") for number, data in enumerate(PHOTOS)]
    worker.job(images, "archive", {"name": "photos"}, Lane.FILES)
    publish(worker)

    def archives() -> set[str]:
        return {found.key for found in worker.storage.list("archives")}

    def nobody_writes() -> bool:
        query = (
            "SELECT count(*) AS n FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'image-worker' AND state <> 'idle'"
        )
        return worker.rows(query) == [{"n": 0}]

    with psycopg.connect(worker.process.settings.database_url.get_secret_value()) as holder:
        holder.execute("SELECT FROM image_items FOR UPDATE")
        start()
        wait_until(lambda: len(archives()) == 1, "the archive is stored, and cannot be recorded")
        (lost,) = archives()
        os.kill(child_of(worker), signal.SIGKILL)
    wait_until(nobody_writes, "the dead one's transaction is gone")
    publish(worker)
    wait_until(lambda: worker.batch()["status"] == "closed", "the batch is closed")
    assert worker.outcomes() == [("succeeded", None)] * len(PHOTOS)
    (made,) = worker.row()["result"]["archives"]
    assert (made["items"], worker.row()["succeeded"]) == (len(PHOTOS), len(PHOTOS))
    assert archives() == {lost, made["key"]}
    assert worker.rows("SELECT key FROM doomed_objects") == [{"key": lost}]

"""An image that its header prices as heavy leaves its lane, and nobody waits behind it."""

import pytest

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import Lane
from fanfare_shared.testing.brokers import QueueReader
from harness.image_worker import ImageWorker, MakeWorker
from harness.images.photos import jpeg

LIGHT, HEAVY = jpeg(320, 240, seed=1), jpeg(1200, 900, seed=2, progressive=True)


@pytest.fixture
def worker(make_worker: MakeWorker) -> ImageWorker:
    return make_worker(image_heavy_bytes=1_500_000)


@pytest.mark.parametrize(
    ("lane", "status", "hint"), [(Lane.INTERACTIVE, "published", True), (Lane.BULK, "ready", False)]
)
def test_a_heavy_image_gets_a_batch_of_its_own(worker: ImageWorker, lane: Lane, status: str, hint: bool) -> None:
    worker.upload([HEAVY, LIGHT], lane=lane)
    worker.work()
    assert worker.outcomes() == [("pending", None), ("succeeded", None)]
    first, moved = worker.rows("SELECT * FROM image_batches ORDER BY id")
    assert (first["status"], first["size"], first["succeeded"]) == ("closed", 1, 1)
    assert (moved["lane"], moved["status"], moved["size"], moved["first_position"]) == ("images.heavy", status, 1, 0)
    assert [item["batch_id"] for item in worker.items()] == [moved["id"], first["id"]]
    with QueueReader(worker.process.settings) as queues:
        if hint:
            assert queues.take(Queue.IMAGES_HEAVY).payload[1]["message"]["batch_id"] == moved["id"]
        assert queues.take(Queue.IMAGES_RESULTS) is not None
        assert queues.take_all(Queue.IMAGES_HEAVY) == []


def test_the_heavy_lane_does_it_and_the_account_adds_up(worker: ImageWorker) -> None:
    world = worker.upload([HEAVY, LIGHT])
    worker.work()
    moved = worker.items()[0]["batch_id"]
    worker.work(moved)
    assert worker.outcomes() == [("succeeded", None)] * 2
    job = worker.row()
    assert (job["succeeded"], job["settled"]) == (2, 2)
    assert set(worker.variants(world.image_ids[0])) == {"resized"}


def test_a_known_price_moves_an_image_before_it_is_fetched(
    worker: ImageWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.upload([HEAVY])
    worker.work()
    worker.upload([HEAVY])

    def get(*_: object) -> bytes:
        raise AssertionError("it was fetched")

    monkeypatch.setattr(type(worker.storage), "get", get)
    worker.work()
    assert worker.batch()["size"] == 0
    assert worker.rows("SELECT lane FROM image_batches ORDER BY id DESC LIMIT 1") == [{"lane": "images.heavy"}]

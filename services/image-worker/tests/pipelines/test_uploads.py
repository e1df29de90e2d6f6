"""From an uploaded file to its variants: in storage, in the ledger, and told to the orchestrator."""

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.metrics import image_duration, images
from fanfare_shared.testing.brokers import QueueReader
from harness.image_worker import ImageWorker
from harness.images.photos import jpeg

PHOTO = jpeg(1200, 1200, seed=1)


def test_an_uploaded_image_gets_its_variants_and_the_job_is_to_be_settled(worker: ImageWorker) -> None:
    world = worker.upload([PHOTO])
    worker.work()
    (image_id,) = world.image_ids
    (variant,) = worker.variants(image_id).values()
    assert (variant["name"], variant["width"], variant["height"], variant["format"]) == ("resized", 600, 600, "jpeg")
    assert worker.storage.head(variant["key"]).size == variant["size"]
    assert worker.image_row(image_id)["status"] == "ready"
    (item,) = worker.items()
    assert (item["status"], item["attempts"], item["deaths"]) == ("succeeded", 1, 0)
    batch = worker.batch()
    assert (batch["status"], batch["succeeded"], batch["running"]) == ("closed", 1, None)
    job = worker.row()
    assert (job["succeeded"], job["settled"]) == (1, 1)
    with QueueReader(worker.process.settings) as queues:
        assert queues.take(Queue.IMAGES_RESULTS).headers["task"] == "image_jobs.settle"


def test_an_image_is_counted_by_its_lane_and_outcome_and_timed(worker: ImageWorker) -> None:
    def counted() -> list[float]:
        samples = [
            sample for metric in (images, image_duration) for found in metric.collect() for sample in found.samples
        ]
        wanted = [{"lane": "images.interactive", "outcome": outcome} for outcome in ("succeeded", "failed")]
        totals = [
            sum(s.value for s in samples if s.name == "fanfare_images_total" and s.labels == want) for want in wanted
        ]
        return [*totals, sum(s.value for s in samples if s.name == "fanfare_image_duration_seconds_count")]

    before = counted()
    worker.upload([PHOTO, b"no photo"])
    worker.work()
    assert [after - was for after, was in zip(counted(), before, strict=True)] == [1, 1, 2]

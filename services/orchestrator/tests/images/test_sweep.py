"""The sweep drives image jobs as it drives campaigns: whatever hint was lost, the ledger's due rows are found."""

from typing import Any

import pytest

from fanfare_orchestrator.images.steps import IMAGE_JOB_STEPS
from fanfare_orchestrator.sweep.batches import sweep_overdue_batches
from fanfare_orchestrator.sweep.due import sweep_due
from fanfare_orchestrator.sweep.gauges import measure
from fanfare_orchestrator.sweep.ready import sweep_ready_batches
from fanfare_orchestrator.sweep.scheduled import sweep_scheduled
from fanfare_orchestrator.sweep.sweepers import SWEEPERS
from fanfare_shared import metrics
from fanfare_shared.contracts.messages import PlanImageJob, ProcessBatch
from fanfare_shared.contracts.queues import Queue


def uploaded(gallery: Any, office: Any) -> tuple[Any, int]:
    """An upload of one image as the api commits it: planned, and published on the interactive lane."""
    (image_id,) = gallery.images(1, status="processing")
    job_id = gallery.job("upload", target={"image_ids": [str(image_id)]}, lane="images.interactive")
    office.execute("INSERT INTO image_job_plans (job_id, total, batches, planned_at) VALUES (%s, 1, 1, now())", job_id)
    (batch,) = office.rows(
        "INSERT INTO image_batches (job_id, lane, first_position, last_position, size, status, due_at, hints)"
        " VALUES (%s, 'images.interactive', 0, 0, 1, 'published', now() + interval '30 seconds', 1) RETURNING id",
        job_id,
    )
    office.execute(
        "INSERT INTO image_items (job_id, position, batch_id, image_id, name) VALUES (%s, 0, %s, %s, 'photo')",
        job_id,
        batch["id"],
        image_id,
    )
    return job_id, batch["id"]


def test_every_sweeper_of_jobs_looks_after_image_jobs_too() -> None:
    names = {sweeper.name for sweeper in SWEEPERS}
    for sweep in ("sweep_scheduled", "sweep_due", "sweep_overdue_batches", "sweep_ready_batches", "measure"):
        assert {f"{sweep} campaign", f"{sweep} image_job"} <= names


@pytest.mark.parametrize("status", ["published", "leased"])
def test_an_upload_whose_hint_or_worker_was_lost_is_hinted_again(
    gallery: Any, office: Any, hints: Any, status: str
) -> None:
    _, batch_id = uploaded(gallery, office)
    sweep_overdue_batches(office.context, IMAGE_JOB_STEPS)
    assert hints.take(ProcessBatch, Queue.IMAGES_INTERACTIVE) == []
    office.execute("UPDATE image_batches SET status = %s, due_at = now()", status)
    sweep_overdue_batches(office.context, IMAGE_JOB_STEPS)
    (hint,) = hints.take(ProcessBatch, Queue.IMAGES_INTERACTIVE)
    assert hint.batch_id == batch_id


def test_a_batch_given_back_is_published_again_when_it_is_due(gallery: Any, office: Any, hints: Any) -> None:
    _, batch_id = uploaded(gallery, office)
    office.execute("UPDATE image_batches SET status = 'ready', due_at = now() + interval '1 hour'")
    sweep_ready_batches(office.context, IMAGE_JOB_STEPS)
    assert hints.take(ProcessBatch, Queue.IMAGES_INTERACTIVE) == []
    office.execute("UPDATE image_batches SET due_at = now()")
    sweep_ready_batches(office.context, IMAGE_JOB_STEPS)
    assert [hint.batch_id for hint in hints.take(ProcessBatch, Queue.IMAGES_INTERACTIVE)] == [batch_id]


def test_a_bulk_upload_that_the_api_left_ready_is_dispatched(gallery: Any, office: Any, hints: Any) -> None:
    job_id, _ = uploaded(gallery, office)
    office.execute("UPDATE image_jobs SET lane = 'images.bulk', due_at = now()")
    office.execute("UPDATE image_batches SET lane = 'images.bulk', status = 'ready', due_at = now(), hints = 0")
    sweep_due(office.context, IMAGE_JOB_STEPS)
    assert [hint.job_id for hint in hints.take(ProcessBatch, Queue.IMAGES_BULK)] == [job_id]


def test_a_job_nobody_planned_is_planned_window_by_window_and_completed(gallery: Any, office: Any) -> None:
    images = gallery.images(30)
    job_id = gallery.job()
    office.execute("UPDATE image_jobs SET due_at = now()")
    sweep_due(office.context, IMAGE_JOB_STEPS)
    assert gallery.planned(job_id) == images
    for batch in gallery.batches(job_id):
        gallery.work(batch["id"])
    office.execute("UPDATE image_jobs SET due_at = now()")
    sweep_due(office.context, IMAGE_JOB_STEPS)
    assert gallery.row(job_id)["status"] == "completed"


def test_a_scheduled_job_starts_when_it_is_due(gallery: Any, office: Any, hints: Any) -> None:
    later, now = gallery.job(status="scheduled"), gallery.job(status="scheduled")
    office.execute("UPDATE image_jobs SET due_at = now() + interval '1 hour' WHERE id = %s", later)
    office.execute("UPDATE image_jobs SET due_at = now() WHERE id = %s", now)
    sweep_scheduled(office.context, IMAGE_JOB_STEPS)
    assert [hint.job_id for hint in hints.take(PlanImageJob, Queue.IMAGE_JOBS)] == [now]
    assert gallery.row(now)["started_at"] is not None
    assert gallery.row(later)["status"] == "scheduled"


def test_an_upload_whose_job_was_cancelled_does_not_leave_its_image_processing(gallery: Any, office: Any) -> None:
    job_id, _ = uploaded(gallery, office)
    office.execute("UPDATE image_jobs SET status = 'cancelling', due_at = now()")
    sweep_due(office.context, IMAGE_JOB_STEPS)
    assert gallery.row(job_id)["status"] == "cancelled"
    assert office.rows("SELECT status, error_code FROM images") == [{"status": "failed", "error_code": "CANCELLED"}]


def test_the_gauges_count_image_jobs(gallery: Any, office: Any) -> None:
    gallery.job()
    gallery.job(status="paused")
    measure(office.context, IMAGE_JOB_STEPS)
    counted = {
        sample.labels["status"]: sample.value for family in metrics.image_jobs.collect() for sample in family.samples
    }
    assert (counted["processing"], counted["paused"], counted["completed"]) == (1, 1, 0)

"""The whole way: planned, on its lanes, its batches closed, completed."""

from typing import Any

from fanfare_orchestrator.bulk.planning import plan_turn
from fanfare_orchestrator.bulk.settle import settle
from fanfare_orchestrator.images.steps import IMAGE_JOB_STEPS
from fanfare_shared.contracts.messages import ProcessBatch
from fanfare_shared.contracts.queues import Queue


def test_an_image_job_is_planned_dispatched_worked_on_and_completed(office: Any, gallery: Any, hints: Any) -> None:
    images = gallery.images(12) + gallery.images(1, price=500_000_000) + gallery.images(12)
    job_id = gallery.job(webhook_url="https://example.com/hook", webhook_secret_encrypted="x")
    window = plan_turn(office.context, IMAGE_JOB_STEPS, job_id)
    assert window is not None
    assert (window.batches, window.items, window.last) == (4, 25, True)
    published = hints.take(ProcessBatch, Queue.IMAGES_BULK) + hints.take(ProcessBatch, Queue.IMAGES_HEAVY)
    assert {hint.batch_id for hint in published} == {batch["id"] for batch in gallery.batches(job_id)}
    for hint in published:
        assert settle(office.context, IMAGE_JOB_STEPS, job_id) is None
        gallery.work(hint.batch_id, lambda position: "failed" if position == 3 else "succeeded")
    assert settle(office.context, IMAGE_JOB_STEPS, job_id) == "completed"
    job = gallery.row(job_id)
    assert (job["status"], job["succeeded"], job["failed"], job["settled"]) == ("completed", 24, 1, 25)
    assert job["completed_at"] is not None
    assert job["due_at"] is None
    assert gallery.planned(job_id) == images
    (notification,) = office.rows("SELECT event, job_id, due_at FROM notifications")
    assert (notification["event"], notification["job_id"]) == ("image_job.completed", job_id)
    assert settle(office.context, IMAGE_JOB_STEPS, job_id) is None


def test_an_image_job_over_nothing_is_completed_with_a_total_of_0(office: Any, gallery: Any) -> None:
    job_id = gallery.job()
    plan_turn(office.context, IMAGE_JOB_STEPS, job_id)
    assert gallery.row(job_id)["status"] == "completed"
    plan = gallery.plan(job_id)
    assert (plan["total"], plan["batches"]) == (0, 0)
    assert plan["planned_at"] is not None

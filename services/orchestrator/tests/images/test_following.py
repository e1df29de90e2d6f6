"""What follows a job: made once, by the transaction that ends it, over what succeeded or what failed."""

from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from fanfare_orchestrator.bulk.settle import settle
from fanfare_orchestrator.images.steps import IMAGE_JOB_STEPS
from fanfare_orchestrator.sweep.due import sweep_due
from fanfare_orchestrator.sweep.scheduled import sweep_scheduled


def follower(operation: str, lane: str = "files.bulk", **columns: Any) -> dict[str, Any]:
    """As the api keeps it: the columns of the job to be."""
    absent = ("rate", "seconds_per_item", "scheduled_at", "expires_at", "webhook_url", "webhook_secret_encrypted")
    empty = dict.fromkeys([*absent, "notify_email", "then_job", "on_failure_job"])
    return empty | {"operation": operation, "parameters": {}, "lane": lane} | columns


def run(office: Any, gallery: Any, job_id: UUID, failing: int = 0) -> str:
    """Plans and works on the whole job, the first images failing; its final status."""
    sweep_due(office.context, IMAGE_JOB_STEPS)
    office.execute("UPDATE image_batches SET status = 'published' WHERE status = 'ready'")
    for batch in gallery.batches(job_id):
        if batch["status"] == "published":
            gallery.work(batch["id"], lambda position: "failed" if position < failing else "succeeded")
    settle(office.context, IMAGE_JOB_STEPS, job_id)
    return str(gallery.row(job_id)["status"])


def children(office: Any, job_id: UUID) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = office.rows("SELECT * FROM image_jobs WHERE parent_id = %s ORDER BY operation", job_id)
    return rows


def start(gallery: Any, **columns: Any) -> UUID:
    followers = {name: Jsonb(columns.pop(name)) for name in ("then_job", "on_failure_job") if name in columns}
    job_id: UUID = gallery.job(**columns, **followers)
    gallery.office.execute("UPDATE image_jobs SET due_at = now() WHERE id = %s", job_id)
    return job_id


def test_what_succeeded_and_what_failed_go_on_as_two_jobs(office: Any, gallery: Any) -> None:
    images = gallery.images(25)
    job_id = start(gallery, then_job=follower("move", parameters={"folder_id": None}), on_failure_job=follower("trash"))
    assert run(office, gallery, job_id, failing=5) == "completed"
    then, on_failure = children(office, job_id)
    assert (then["operation"], then["parameters"]) == ("move", {"folder_id": None})
    assert (then["target"], on_failure["target"]) == ({"succeeded_of": str(job_id)}, {"failed_of": str(job_id)})
    assert {job["status"] for job in (then, on_failure)} == {"processing"}
    assert then["started_at"] is not None
    assert (then["created_by"], then["lane"]) == ("test", "files.bulk")
    assert run(office, gallery, then["id"]) == "completed"
    assert run(office, gallery, on_failure["id"]) == "completed"
    assert gallery.planned(then["id"]) == images[5:]
    assert gallery.planned(on_failure["id"]) == images[:5]


def test_a_chain_goes_on_to_its_end(office: Any, gallery: Any) -> None:
    images = gallery.images(5)
    last = follower("trash")
    job_id = start(gallery, then_job=follower("process", "images.bulk", then_job=follower("move", then_job=last)))
    operations = []
    while True:
        assert run(office, gallery, job_id) == "completed"
        operations.append(gallery.row(job_id)["operation"])
        assert gallery.planned(job_id) == images
        if not (made := children(office, job_id)):
            break
        job_id = made[0]["id"]
    assert operations == ["process", "process", "move", "trash"]


def test_nothing_follows_where_nothing_succeeded_or_failed(office: Any, gallery: Any) -> None:
    gallery.images(5)
    all_failed = start(gallery, then_job=follower("move"))
    run(office, gallery, all_failed, failing=5)
    none_failed = start(gallery, on_failure_job=follower("trash"))
    run(office, gallery, none_failed)
    empty = start(gallery, target={"image_ids": []}, then_job=follower("move"), on_failure_job=follower("trash"))
    assert run(office, gallery, empty) == "completed"
    assert office.rows("SELECT FROM image_jobs WHERE parent_id IS NOT NULL") == []


@pytest.mark.parametrize(
    ("final_status", "followed_by"),
    [(None, []), ("failed", ["trash"])],
)
def test_nothing_follows_a_cancelled_job_and_only_on_failure_one_that_failed(
    office: Any, gallery: Any, final_status: str | None, followed_by: list[str]
) -> None:
    gallery.images(25)
    job_id = start(gallery, then_job=follower("move"), on_failure_job=follower("trash"))
    gallery.plan_all(job_id)
    gallery.work(gallery.batches(job_id)[0]["id"], lambda position: "failed" if position < 5 else "succeeded")
    office.execute("UPDATE image_jobs SET status = 'cancelling', final_status = %s", final_status)
    settle(office.context, IMAGE_JOB_STEPS, job_id)
    assert gallery.row(job_id)["status"] == (final_status or "cancelled")
    assert [job["operation"] for job in children(office, job_id)] == followed_by


def test_a_follower_is_made_once_however_often_the_end_is_looked_at(office: Any, gallery: Any) -> None:
    gallery.images(3)
    job_id = start(gallery, then_job=follower("move"))
    run(office, gallery, job_id)
    for _ in range(3):
        settle(office.context, IMAGE_JOB_STEPS, job_id)
    assert len(children(office, job_id)) == 1


def test_a_webhooks_secret_is_handed_on_and_its_own_is_kept(office: Any, gallery: Any) -> None:
    gallery.images(3)
    to_first = follower("move", webhook_url="https://example.com/b")
    to_second = follower("trash", webhook_url="https://example.com/c", webhook_secret_encrypted="own")
    parent = {"webhook_url": "https://example.com/a", "webhook_secret_encrypted": "parents"}
    job_id = start(gallery, then_job=to_first, on_failure_job=to_second, **parent)
    run(office, gallery, job_id, failing=1)
    then, on_failure = children(office, job_id)
    assert (then["webhook_url"], then["webhook_secret_encrypted"]) == ("https://example.com/b", "parents")
    assert on_failure["webhook_secret_encrypted"] == "own"


def test_a_follower_with_a_rate_and_a_moment_of_its_own_waits_for_it(office: Any, gallery: Any) -> None:
    images = gallery.images(3)
    (moment,) = office.rows(
        "SELECT (now() + interval '1 hour')::text AS at, (now() + interval '2 hours')::text AS until"
    )
    then = follower(
        "move",
        rate="1/s",
        seconds_per_item=1.0,
        scheduled_at=moment["at"],
        expires_at=moment["until"],
        notify_email="a@b.c",
    )
    job_id = start(gallery, then_job=then)
    run(office, gallery, job_id)
    (made,) = children(office, job_id)
    assert (made["status"], made["started_at"]) == ("scheduled", None)
    assert made["due_at"] == made["scheduled_at"] < made["expires_at"]
    assert (made["rate"], made["seconds_per_item"], made["notify_email"]) == ("1/s", 1.0, "a@b.c")
    office.execute("UPDATE image_jobs SET due_at = now() WHERE id = %s", made["id"])
    sweep_scheduled(office.context, IMAGE_JOB_STEPS)
    office.execute("UPDATE image_jobs SET due_at = now() WHERE id = %s", made["id"])
    assert run(office, gallery, made["id"]) == "completed"
    assert gallery.planned(made["id"]) == images

"""The trash is emptied by an image job, after its days."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fanfare_orchestrator.images.housekeeping.trash import empty_trash


def test_what_is_in_the_trash_for_its_days_is_purged_by_a_job(gallery: Any, maintenance: Any, office: Any) -> None:
    old, young = gallery.images(3), gallery.images(2)
    gallery.trash(old, days_ago=31)
    gallery.trash(young, days_ago=29)
    run = empty_trash(maintenance(trash_days=30))
    assert (run.result["images"], run.problems) == (3, [])
    (job,) = office.rows("SELECT * FROM image_jobs")
    assert str(job["id"]) == run.result["job_id"]
    assert (job["operation"], job["lane"], job["created_by"]) == ("purge", "files.bulk", "schedule")
    assert job["status"] == "processing"
    gallery.plan_all(job["id"])
    assert gallery.planned(job["id"]) == old


def test_a_dry_run_only_counts(gallery: Any, maintenance: Any, office: Any) -> None:
    gallery.trash(gallery.images(3), days_ago=31)
    run = empty_trash(maintenance(trash_days=30, dry_run=True))
    assert run.result["images"] == 3
    age = datetime.now(UTC) - datetime.fromisoformat(run.result["trashed_before"])
    assert age >= timedelta(days=30)
    assert office.rows("SELECT FROM image_jobs") == []


def test_nothing_is_made_for_an_empty_trash_or_without_days(gallery: Any, maintenance: Any, office: Any) -> None:
    gallery.trash(gallery.images(3), days_ago=5)
    assert empty_trash(maintenance(trash_days=30)).result["images"] == 0
    assert empty_trash(maintenance(trash_days=0)).result == {"off": "FANFARE_TRASH_DAYS is 0"}
    assert office.rows("SELECT FROM image_jobs") == []


def test_a_second_job_waits_for_the_end_of_the_first(gallery: Any, maintenance: Any, office: Any) -> None:
    gallery.trash(gallery.images(3), days_ago=31)
    empty_trash(maintenance())
    assert empty_trash(maintenance()).result["job_id"] is None
    office.execute("UPDATE image_jobs SET status = 'completed'")
    assert empty_trash(maintenance()).result["job_id"] is not None

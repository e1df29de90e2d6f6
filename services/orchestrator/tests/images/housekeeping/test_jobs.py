"""Image jobs past the retention go with all that is theirs."""

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from fanfare_orchestrator.images.housekeeping import jobs
from fanfare_orchestrator.images.housekeeping.jobs import clean_image_jobs


def ended(gallery: Any, days_ago: int, **columns: Any) -> Any:
    """A job with a batch, items and a notification, ended so long ago."""
    job_id = gallery.job(**{"status": "processing"} | columns)
    gallery.plan_all(job_id)
    gallery.office.execute("DELETE FROM image_batches WHERE status = 'closed'")
    gallery.office.execute(
        "UPDATE image_jobs SET status = 'completed', completed_at = now() - make_interval(days => %s) WHERE id = %s",
        days_ago,
        job_id,
    )
    gallery.office.execute(
        "INSERT INTO notifications (id, job_id, kind, event, target, payload)"
        " VALUES (gen_random_uuid(), %s, 'webhook', 'image_job.completed', 'https://localhost/', '{}')",
        job_id,
    )
    return job_id


def test_jobs_past_the_retention_go_and_younger_ones_stay(
    gallery: Any, maintenance: Any, office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_CHUNK_JOBS", 2)
    monkeypatch.setattr(jobs, "_CHUNK_ITEMS", 4)
    gallery.images(11)
    for _ in range(3):
        ended(gallery, 91)
    young = ended(gallery, 89)
    running = gallery.job()
    gallery.plan_all(running)
    assert clean_image_jobs(maintenance(dry_run=True)).result == {"jobs": 3}
    assert len(office.rows("SELECT FROM image_jobs")) == 5
    assert clean_image_jobs(maintenance()).result == {"jobs": 3, "archives": 0}
    for table in ("image_items", "image_batches", "image_job_plans"):
        of_jobs = {row["job_id"] for row in office.rows(f"SELECT job_id FROM {table}")}
        assert of_jobs == {young, running}, table
    assert [row["job_id"] for row in office.rows("SELECT job_id FROM notifications")] == [young]


def test_archives_go_with_their_job(gallery: Any, maintenance: Any, office: Any) -> None:
    storage = maintenance().open_storage()
    for name in ("0", "1", "other"):
        storage.put(f"archives/aa/{name}.zip", b"data", "application/zip")
    archives = [{"key": f"archives/aa/{number}.zip", "size": 4, "items": 1} for number in range(2)]
    ended(gallery, 91, operation="archive", result=Jsonb({"archives": archives}))
    assert clean_image_jobs(maintenance()).result == {"jobs": 1, "archives": 2}
    assert [stored.key for stored in storage.list()] == ["archives/aa/other.zip"]
    assert office.rows("SELECT FROM doomed_objects") == []


def test_a_job_whose_follower_is_not_done_stays(gallery: Any, maintenance: Any, office: Any) -> None:
    parent = ended(gallery, 91)
    child = gallery.job(parent_id=parent, target={"failed_of": str(parent)})
    assert clean_image_jobs(maintenance()).result == {"jobs": 0, "archives": 0}
    office.execute("UPDATE image_jobs SET status = 'completed', completed_at = now() WHERE id = %s", child)
    assert clean_image_jobs(maintenance()).result == {"jobs": 1, "archives": 0}

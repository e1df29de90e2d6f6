"""Originals go by their age, all images of one together or not at all."""

from typing import Any

import pytest

from fanfare_orchestrator.images.housekeeping.originals import drop_originals


def age(office: Any, days: int) -> None:
    office.execute("UPDATE originals SET created_at = now() - make_interval(days => %s)", days)
    office.execute("UPDATE images SET uploaded_at = now() - make_interval(days => %s)", days)


def test_old_originals_are_dropped_by_a_job_over_all_their_images(gallery: Any, maintenance: Any, office: Any) -> None:
    old = gallery.images(3)
    age(office, 100)
    gallery.images(2)
    (same,) = office.rows(
        "INSERT INTO images (id, original_id, name, status, created_by, uploaded_at)"
        " SELECT gen_random_uuid(), original_id, 'same', 'ready', 'test', uploaded_at FROM images WHERE id = %s"
        " RETURNING id",
        old[0],
    )
    run = drop_originals(maintenance(original_days=90))
    assert (run.result["originals"], run.result["bytes"]) == (3, 1_500_000)
    (job,) = office.rows("SELECT * FROM image_jobs")
    assert (job["operation"], job["created_by"]) == ("drop_original", "schedule")
    gallery.plan_all(job["id"])
    planned = gallery.planned(job["id"])
    assert set(planned) == {*old, same["id"]}
    assert len(planned) == 4
    assert abs(planned.index(same["id"]) - planned.index(old[0])) == 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE images SET status = 'processing' WHERE name = '2.jpg'",
        "UPDATE images SET trashed_at = now() WHERE name = '2.jpg'",
        "UPDATE images SET uploaded_at = now() WHERE name = '2.jpg'",
        "UPDATE originals SET key = NULL, dropped_at = now() WHERE id = (SELECT original_id FROM images WHERE name = '2.jpg')",
    ],
)
def test_an_original_that_is_needed_or_gone_is_left_alone(
    gallery: Any, maintenance: Any, office: Any, change: str
) -> None:
    images = gallery.images(2)
    age(office, 100)
    office.execute("UPDATE images SET name = '2.jpg' WHERE id = %s", images[1])
    office.execute(change)
    assert drop_originals(maintenance(original_days=90)).result["originals"] == 1
    (job,) = office.rows("SELECT id FROM image_jobs")
    gallery.plan_all(job["id"])
    assert gallery.planned(job["id"]) == images[:1]


def test_windows_of_old_originals_go_on_where_the_last_ended(gallery: Any, maintenance: Any, office: Any) -> None:
    images = gallery.images(205)
    age(office, 100)
    drop_originals(maintenance(original_days=90))
    (job,) = office.rows("SELECT id FROM image_jobs")
    assert gallery.plan_all(job["id"]) > 1
    planned = gallery.planned(job["id"])
    assert sorted(planned) == images


def test_a_dry_run_only_counts_and_by_default_nothing_is_dropped(gallery: Any, maintenance: Any, office: Any) -> None:
    gallery.images(3)
    age(office, 1_000)
    assert drop_originals(maintenance(original_days=90, dry_run=True)).result["originals"] == 3
    assert drop_originals(maintenance()).result == {"off": "FANFARE_ORIGINAL_DAYS is 0"}
    assert office.rows("SELECT FROM image_jobs") == []

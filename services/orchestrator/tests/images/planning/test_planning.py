"""Planning: every image of the target once, whatever happens on the way."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from fanfare_orchestrator.bulk.planning import plan_turn
from fanfare_orchestrator.context import Context
from fanfare_orchestrator.images.planning import plans, sizes
from fanfare_orchestrator.images.planning.windows import plan_window
from fanfare_orchestrator.images.steps import IMAGE_JOB_STEPS
from fanfare_shared.contracts.messages import PlanImageJob, ProcessBatch
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import Lane
from fanfare_shared.db.connection import Ledger
from fanfare_shared.ids import uuid7


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of three batches, so that a job takes several."""
    monkeypatch.setattr(sizes, "_WINDOW_BATCHES", 3)
    monkeypatch.setattr(sizes, "_FIRST_WINDOW_BATCHES", 2)


def ranges(gallery: Any, job_id: UUID) -> list[tuple[str, int, int, int]]:
    return [(b["lane"], b["first_position"], b["last_position"], b["size"]) for b in gallery.batches(job_id)]


def test_all_images_but_the_trashed_are_planned_once_in_the_order_of_their_ids(gallery: Any) -> None:
    images = gallery.images(75)
    gallery.trash([images[7]])
    job_id = gallery.job()
    assert gallery.plan_all(job_id) == 3
    assert gallery.planned(job_id) == [image for image in images if image != images[7]]
    items, batches = gallery.items(job_id), gallery.batches(job_id)
    assert [item["position"] for item in items] == list(range(74))
    assert items[0]["name"] == "image-1.jpg"
    assert {item["status"] for item in items} == {"pending"}
    assert [batch["size"] for batch in batches] == [10] * 7 + [4]
    assert [item["batch_id"] for item in items] == [batches[n // 10]["id"] for n in range(74)]
    plan = gallery.plan(job_id)
    assert (plan["total"], plan["batches"]) == (74, 8)
    assert plan["planned_at"] is not None


def test_the_first_window_is_on_its_lane_before_the_rest_is_planned(gallery: Any, office: Any, hints: Any) -> None:
    gallery.images(75)
    job_id = gallery.job()
    plan_turn(office.context, IMAGE_JOB_STEPS, job_id)
    assert len(hints.take(ProcessBatch, Queue.IMAGES_BULK)) == 2
    assert [hint.job_id for hint in hints.take(PlanImageJob, Queue.IMAGE_JOBS)] == [job_id]
    assert gallery.plan(job_id)["planned_at"] is None


def test_heavy_images_have_batches_of_their_own_on_their_lane(gallery: Any) -> None:
    gallery.images(4)
    gallery.images(1, price=500_000_000)
    gallery.images(4, price=None)
    gallery.images(2, price=500_000_000)
    gallery.images(4)
    job_id = gallery.job()
    gallery.plan_all(job_id)
    assert ranges(gallery, job_id) == [
        (Lane.BULK, 0, 12, 10),
        (Lane.HEAVY, 4, 4, 1),
        (Lane.HEAVY, 9, 9, 1),
        (Lane.HEAVY, 10, 10, 1),
        (Lane.BULK, 13, 14, 2),
    ]
    bulk, *heavy, last = [batch["id"] for batch in gallery.batches(job_id)]
    of_items = [item["batch_id"] for item in gallery.items(job_id)]
    assert of_items == [bulk] * 4 + heavy[:1] + [bulk] * 4 + heavy[1:] + [bulk] * 2 + [last] * 2


def test_no_image_is_heavy_to_a_file_operation(gallery: Any) -> None:
    gallery.images(25, price=500_000_000)
    job_id = gallery.job("move")
    gallery.plan_all(job_id)
    assert ranges(gallery, job_id) == [(Lane.FILES, 0, 19, 20), (Lane.FILES, 20, 24, 5)]


def test_images_uploaded_after_the_start_are_not_of_the_target(gallery: Any, office: Any) -> None:
    images = gallery.images(25)
    job_id = gallery.job()
    plan_turn(office.context, IMAGE_JOB_STEPS, job_id)
    gallery.images(10)
    gallery.plan_all(job_id)
    assert gallery.planned(job_id) == images


def test_ids_keep_the_order_they_were_given_in(gallery: Any) -> None:
    images = gallery.images(70)
    asked = [*images[50:], images[45], *images[:40]]
    gallery.trash([images[10]])
    job_id = gallery.job(
        target={"image_ids": [str(image) for image in [*asked, uuid7()]]},
    )
    assert gallery.plan_all(job_id) > 1
    assert gallery.planned(job_id) == [image for image in asked if image != images[10]]


def test_a_folders_images_with_or_without_those_below(gallery: Any) -> None:
    top, below, beside = gallery.folder("a"), gallery.folder("a/b"), gallery.folder("a-b")
    deep = gallery.folder("a/b/c")
    in_top, in_below = gallery.images(3, folder_id=top), gallery.images(3, folder_id=below)
    gallery.images(3, folder_id=beside)
    in_deep, nowhere = gallery.images(30, folder_id=deep), gallery.images(2)

    def planned(folder: UUID | None, *, recursive: bool) -> list[UUID]:
        target = {"folder_id": None if folder is None else str(folder), "recursive": recursive}
        job_id = gallery.job("trash", target=target)
        gallery.plan_all(job_id)
        return list(gallery.planned(job_id))

    assert planned(top, recursive=False) == in_top
    assert planned(top, recursive=True) == in_top + in_below + in_deep
    assert planned(below, recursive=True) == in_below + in_deep
    assert planned(None, recursive=False) == nowhere
    assert len(planned(None, recursive=True)) == 41
    assert planned(uuid7(), recursive=True) == []


def test_an_owners_images_alone(gallery: Any) -> None:
    folder = gallery.folder("a")
    mine = gallery.images(3, owner="me") + gallery.images(3, owner="me", folder_id=folder)
    gallery.images(3, owner="you", folder_id=folder)
    everywhere = gallery.job(target={"all": True, "owner": "me"})
    there = gallery.job(target={"folder_id": str(folder), "recursive": False, "owner": "me"})
    gallery.plan_all(everywhere)
    gallery.plan_all(there)
    assert gallery.planned(everywhere) == mine
    assert gallery.planned(there) == mine[3:]


def test_the_trash_by_age(gallery: Any, office: Any) -> None:
    old, young, kept = gallery.images(25), gallery.images(3), gallery.images(3)
    gallery.trash(old, days_ago=40)
    gallery.trash(young, days_ago=2)
    before = office.rows("SELECT (now() - interval '30 days')::text AS moment")[0]["moment"]
    some = gallery.job("purge", target={"trashed_before": before})
    whole = gallery.job("restore", target={"trashed_before": None})
    gallery.plan_all(some)
    gallery.plan_all(whole)
    assert gallery.planned(some) == old
    assert gallery.planned(whole) == old + young
    assert not set(kept) & set(gallery.planned(whole))


def test_an_operation_takes_images_in_the_state_that_is_its_own(gallery: Any) -> None:
    trashed, kept = gallery.images(2), gallery.images(2)
    gallery.trash(trashed)
    target = {"image_ids": [str(image) for image in trashed + kept]}
    for operation, taken in (("restore", trashed), ("purge", trashed + kept), ("move", kept), ("process", kept)):
        job_id = gallery.job(operation, target=target)
        gallery.plan_all(job_id)
        assert gallery.planned(job_id) == taken, operation


def test_what_has_no_original_is_not_planned_for_work_that_reads_it(gallery: Any) -> None:
    readable = gallery.images(2)
    dropped = gallery.images(2, key=False)
    for operation, taken in (("process", readable), ("archive", readable), ("trash", readable + dropped)):
        job_id = gallery.job(operation)
        gallery.plan_all(job_id)
        assert gallery.planned(job_id) == taken, operation


def test_files_that_are_no_images_are_not_planned_for_variants(gallery: Any, office: Any) -> None:
    broken, failed_once, good = (
        gallery.images(1, status="failed"),
        gallery.images(1, status="failed"),
        gallery.images(1),
    )
    office.execute(
        "UPDATE originals SET format = NULL WHERE id = (SELECT original_id FROM images WHERE id = %s)", broken[0]
    )
    job_id = gallery.job()
    gallery.plan_all(job_id)
    assert gallery.planned(job_id) == failed_once + good


def test_what_succeeded_and_what_failed_of_another_job_in_its_order(gallery: Any, office: Any) -> None:
    images = list(reversed(gallery.images(60)))
    first = gallery.job(target={"image_ids": [str(image) for image in images]})
    gallery.plan_all(first)
    office.execute(
        "UPDATE image_items SET status = CASE WHEN position %% 2 = 0 THEN 'succeeded' ELSE 'failed' END WHERE job_id = %s",
        first,
    )
    then = gallery.job("move", target={"succeeded_of": str(first)})
    again = gallery.job(target={"failed_of": str(first)})
    gallery.plan_all(then)
    assert gallery.plan_all(again) > 1
    assert gallery.planned(then) == images[::2]
    assert gallery.planned(again) == images[1::2]


def test_a_job_with_a_rate_is_cut_into_what_five_seconds_of_it_allow(gallery: Any) -> None:
    gallery.images(12)
    for seconds, size in ((1.0, [5, 5, 2]), (6.0, [1] * 12), (0.01, [10, 2])):
        job_id = gallery.job(seconds_per_item=seconds)
        gallery.plan_all(job_id)
        assert [batch["size"] for batch in gallery.batches(job_id)] == size


def test_an_archive_is_cut_into_parts_by_images_and_bytes(gallery: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "ARCHIVE_ITEMS", 10)
    gallery.images(15, size=1_000)
    gallery.images(5, size=1_500_000_000)
    job_id = gallery.job("archive")
    gallery.plan_all(job_id)
    assert [size for _, _, _, size in ranges(gallery, job_id)] == [10, 7, 1, 1, 1]
    assert {lane for lane, *_ in ranges(gallery, job_id)} == {Lane.FILES}


def test_planning_that_was_killed_goes_on_from_the_cursor(gallery: Any, other_ledger: Callable[[], Ledger]) -> None:
    images = gallery.images(70)
    job_id = gallery.job()
    plan_turn(gallery.context, IMAGE_JOB_STEPS, job_id)
    killed = other_ledger()

    def plan_and_die() -> None:
        with killed.transaction() as connection:
            plan = plans.take_plan(connection, job_id)
            assert plan is not None
            plan_window(connection, plan, gallery.context.settings)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plan_and_die()
    gallery.plan_all(job_id)
    assert gallery.planned(job_id) == images


def test_several_planners_at_once_plan_nothing_twice(gallery: Any, other_ledger: Callable[[], Ledger]) -> None:
    images = gallery.images(300)
    job_id = gallery.job()
    context = gallery.context

    def plan_until_planned(one: Context) -> None:
        while not _is_planned(one, job_id):
            plan_turn(one, IMAGE_JOB_STEPS, job_id)

    others = [Context(other_ledger(), context.publisher, context.settings) for _ in range(3)]
    threads = [threading.Thread(target=plan_until_planned, args=(other,)) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gallery.planned(job_id) == images
    assert gallery.plan(job_id)["total"] == 300


def _is_planned(context: Context, job_id: UUID) -> bool:
    with context.ledger.statement() as connection:
        row = connection.execute("SELECT planned_at FROM image_job_plans WHERE job_id = %s", (job_id,)).fetchone()
    return row is not None and row[0] is not None


@pytest.mark.parametrize("status", ["paused", "cancelling", "cancelled", "scheduled"])
def test_only_a_processing_job_is_planned(gallery: Any, status: str) -> None:
    gallery.images(5)
    job_id = gallery.job(status=status)
    assert plan_turn(gallery.context, IMAGE_JOB_STEPS, job_id) is None
    assert gallery.batches(job_id) == []


def test_a_pause_between_windows_stops_planning_and_resuming_goes_on(gallery: Any, office: Any) -> None:
    images = gallery.images(50)
    job_id = gallery.job()
    plan_turn(gallery.context, IMAGE_JOB_STEPS, job_id)
    office.execute("UPDATE image_jobs SET status = 'paused'")
    assert plan_turn(gallery.context, IMAGE_JOB_STEPS, job_id) is None
    office.execute("UPDATE image_jobs SET status = 'processing'")
    gallery.plan_all(job_id)
    assert gallery.planned(job_id) == images


def test_an_upload_that_the_api_planned_is_not_planned_again(gallery: Any, office: Any) -> None:
    gallery.images(5)
    job_id = gallery.job("upload", target={"image_ids": []})
    office.execute("INSERT INTO image_job_plans (job_id, total, planned_at) VALUES (%s, 5, now())", job_id)
    assert plan_turn(gallery.context, IMAGE_JOB_STEPS, job_id) is None
    assert gallery.batches(job_id) == []


def test_a_hint_of_a_job_that_is_gone_changes_nothing(office: Any) -> None:
    assert plan_turn(office.context, IMAGE_JOB_STEPS, uuid7()) is None
    assert office.rows("SELECT FROM image_job_plans") == []


def test_a_target_that_names_its_ids_does_not_bring_them_along(gallery: Any) -> None:
    ids = [str(image) for image in gallery.images(3)]
    job_id = gallery.job(target={"image_ids": ids})
    with gallery.context.ledger.transaction() as connection:
        plans.make_plan(connection, job_id)
        plan = plans.take_plan(connection, job_id)
    assert plan is not None
    assert plan.has_ids
    assert plan.target == {}

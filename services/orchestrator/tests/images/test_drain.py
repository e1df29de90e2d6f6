"""Draining: what becomes of every item of an open batch, against a model of the rules."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fanfare_orchestrator.bulk.settle import settle
from fanfare_orchestrator.bulk.steps import Drained
from fanfare_orchestrator.images import drain as drain_module
from fanfare_orchestrator.images.drain import drain
from fanfare_orchestrator.images.steps import IMAGE_JOB_STEPS
from fanfare_shared.bulk.claims import claim_batch
from fanfare_shared.contracts.words import ItemOutcome, Outcome
from fanfare_shared.db.connection import Ledger
from fanfare_shared.images.kind import IMAGE_JOBS

IMAGES = 10


def set_up(office: Any, gallery: Any, images: int = IMAGES, operation: str = "process", **job: Any) -> UUID:
    """A planned job over that many images, which an upload's are waiting for."""
    office.execute("UPDATE images SET trashed_at = now()")
    gallery.images(images, status="processing" if operation == "upload" else "ready")
    job_id: UUID = gallery.job(operation, **job)
    gallery.plan_all(job_id)
    return job_id


def drain_once(office: Any, job_id: UUID, outcome: Outcome = Outcome.CANCELLED) -> Drained:
    with office.context.ledger.transaction() as connection:
        return drain(connection, job_id, outcome)


def claim(office: Any, gallery: Any, job_id: UUID) -> int:
    batch_id = int(gallery.batches(job_id)[0]["id"])
    with office.context.ledger.transaction() as connection:
        assert claim_batch(connection, IMAGE_JOBS, batch_id, "worker", 30) is not None
    return batch_id


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    done=st.lists(st.sampled_from([ItemOutcome.SUCCEEDED, ItemOutcome.FAILED, ItemOutcome.PENDING]), max_size=IMAGES),
    ending=st.sampled_from([Outcome.CANCELLED, Outcome.EXPIRED]),
    operation=st.sampled_from(["upload", "process"]),
)
def test_every_item_keeps_its_outcome_or_is_cancelled(
    office: Any, gallery: Any, done: list[ItemOutcome], ending: Outcome, operation: str
) -> None:
    job_id = set_up(office, gallery, operation=operation)
    batch_id = claim(office, gallery, job_id)
    outcomes = done + [ItemOutcome.PENDING] * (IMAGES - len(done))
    with office.context.ledger.transaction() as connection:
        gallery.record(connection, batch_id, lambda position: outcomes[position].value)
    office.execute("UPDATE image_batches SET due_at = now() - interval '1 second' WHERE status = 'leased'")
    assert drain_once(office, job_id, ending) == Drained(1, more=False)

    expected = [ItemOutcome.CANCELLED if o is ItemOutcome.PENDING else o for o in outcomes]
    items = gallery.items(job_id)
    assert [item["status"] for item in items] == expected
    rest = [item for item in items if item["status"] == ItemOutcome.CANCELLED]
    assert {item["error_code"] for item in rest} <= {"EXPIRED" if ending is Outcome.EXPIRED else None}
    (closed,), job = gallery.batches(job_id), gallery.row(job_id)
    counts = {name: sum(outcome == name for outcome in expected) for name in IMAGE_JOBS.counts}
    assert {name: closed[name] for name in counts} == counts
    assert {name: job[name] for name in counts} == counts
    assert (closed["status"], job["settled"]) == ("closed", IMAGES)
    assert job["errors"] == ({"IMAGE_CORRUPT": counts["failed"]} if counts["failed"] else {})

    images = {image["id"]: image for image in office.rows("SELECT * FROM images WHERE trashed_at IS NULL")}
    for item, outcome in zip(items, outcomes, strict=True):
        image = images[item["image_id"]]
        if operation == "upload" and outcome is ItemOutcome.PENDING:
            assert (image["status"], image["error_code"]) == ("failed", ending.value.upper())
            assert image["error_message"]
        else:
            assert (image["status"], image["error_code"]) == ("processing" if operation == "upload" else "ready", None)


def test_a_batch_under_a_live_lease_is_left_to_its_worker(office: Any, gallery: Any) -> None:
    job_id = set_up(office, gallery)
    claim(office, gallery, job_id)
    assert drain_once(office, job_id) == Drained(0, more=False)
    assert gallery.batches(job_id)[0]["status"] == "leased"


@pytest.mark.parametrize("status", ["ready", "published", "set_aside"])
def test_every_other_open_batch_is_closed(office: Any, gallery: Any, status: str) -> None:
    job_id = set_up(office, gallery)
    office.execute("UPDATE image_batches SET status = %s", status)
    assert drain_once(office, job_id).batches == 1
    assert gallery.batches(job_id)[0]["closed_at"] is not None
    assert drain_once(office, job_id).batches == 0


def test_an_item_that_moved_to_another_batch_is_counted_there_alone(office: Any, gallery: Any) -> None:
    job_id = set_up(office, gallery)
    office.execute(
        "INSERT INTO image_batches (job_id, lane, first_position, last_position, size, due_at)"
        " VALUES (%s, 'images.heavy', 3, 3, 1, now())",
        job_id,
    )
    office.execute("UPDATE image_items SET batch_id = (SELECT max(id) FROM image_batches) WHERE position = 3")
    drain_once(office, job_id)
    assert [batch["cancelled"] for batch in gallery.batches(job_id)] == [IMAGES - 1, 1]
    assert gallery.row(job_id)["settled"] == IMAGES


def test_a_closed_batch_has_a_new_epoch(office: Any, gallery: Any) -> None:
    job_id = set_up(office, gallery)
    claim(office, gallery, job_id)
    before = gallery.batches(job_id)[0]["epoch"]
    office.execute("UPDATE image_batches SET due_at = now() - interval '1 second'")
    drain_once(office, job_id)
    assert gallery.batches(job_id)[0]["epoch"] == before + 1


def test_a_transaction_closes_a_bounded_number_of_items(
    office: Any, gallery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain_module, "_ITEMS", 15)
    job_id = set_up(office, gallery, 45)
    assert drain_once(office, job_id) == Drained(2, more=True)
    assert drain_once(office, job_id) == Drained(2, more=True)
    assert drain_once(office, job_id) == Drained(1, more=False)
    assert gallery.row(job_id)["cancelled"] == 45


def test_two_drains_at_once_close_each_batch_once(
    office: Any, gallery: Any, other_ledger: Callable[[], Ledger]
) -> None:
    job_id = set_up(office, gallery)
    with other_ledger().transaction() as connection:
        assert drain(connection, job_id, Outcome.CANCELLED).batches == 1
        assert drain_once(office, job_id) == Drained(0, more=False)
    assert gallery.row(job_id)["settled"] == IMAGES


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ("status = 'cancelling'", "cancelled"),
        ("status = 'cancelling', final_status = 'failed'", "failed"),
        ("expires_at = now() - interval '1 second'", "completed"),
        ("status = 'paused', expires_at = now() - interval '1 second'", "completed"),
    ],
)
def test_a_job_that_ends_early_ends_with_an_account_that_adds_up(
    office: Any, gallery: Any, change: str, status: str
) -> None:
    job_id = set_up(office, gallery, 45)
    first = gallery.batches(job_id)[0]["id"]
    gallery.work(first)
    office.execute(f"UPDATE image_jobs SET {change}")
    assert settle(office.context, IMAGE_JOB_STEPS, job_id) == status
    job = gallery.row(job_id)
    assert (job["succeeded"], job["cancelled"], job["settled"]) == (10, 35, 45)

"""Dispatch: up to each lane's cap, jobs in turn, at the rate they asked for, nothing that may not be worked on."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from fanfare_orchestrator.context import Context
from fanfare_orchestrator.images.dispatch import dispatch, dispatch_job, dispatch_ready
from fanfare_orchestrator.settings import PlanSettings
from fanfare_shared.contracts.messages import ProcessBatch
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import Lane
from fanfare_shared.db.connection import Ledger
from fanfare_shared.ids import uuid7
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.worker.app import make_app
from fanfare_shared.worker.publisher import Publisher

CAP = 6


def ready(office: Any, job_id: UUID, batches: int, size: int = 10, lane: str | None = None) -> None:
    office.execute(
        "INSERT INTO image_batches (job_id, lane, first_position, last_position, size, due_at)"
        " SELECT id, coalesce(%s, lane), n * %s, (n + 1) * %s - 1, %s, now() FROM image_jobs, generate_series(0, %s - 1) AS n"
        " WHERE id = %s",
        lane,
        size,
        size,
        size,
        batches,
        job_id,
    )


def published(office: Any) -> Counter[UUID]:
    rows = office.rows("SELECT job_id, count(*) FROM image_batches WHERE status = 'published' GROUP BY 1")
    return Counter({row["job_id"]: row["count"] for row in rows})


def close_one(office: Any, job_id: UUID) -> None:
    office.execute(
        "UPDATE image_batches SET status = 'closed' WHERE id ="
        " (SELECT min(id) FROM image_batches WHERE job_id = %s AND status = 'published')",
        job_id,
    )


def is_due(office: Any) -> None:
    """The moment has come at which the jobs with a rate may have their next batch."""
    office.execute("UPDATE image_jobs SET next_batch_at = now() WHERE next_batch_at IS NOT NULL")


def test_a_lane_has_as_many_batches_as_its_cap_and_no_more(office: Any, gallery: Any, hints: Any) -> None:
    job_id = gallery.job()
    ready(office, job_id, 10)
    assert dispatch_job(office.context, job_id) == CAP
    assert dispatch_job(office.context, job_id) == 0
    first = [batch["id"] for batch in gallery.batches(job_id)][:CAP]
    assert [hint.batch_id for hint in hints.take(ProcessBatch, Queue.IMAGES_BULK)] == first


def test_each_lane_has_its_own_cap_and_its_own_queue(office: Any, gallery: Any, hints: Any) -> None:
    pipeline, files = gallery.job(), gallery.job("move")
    ready(office, pipeline, 10)
    ready(office, pipeline, 10, size=1, lane="images.heavy")
    ready(office, files, 10)
    dispatch_ready(office.context)
    for queue in (Queue.IMAGES_BULK, Queue.IMAGES_HEAVY, Queue.FILES_BULK):
        assert len(hints.take(ProcessBatch, queue)) == CAP, queue


def test_the_heavy_images_of_a_job_are_dispatched_with_it(office: Any, gallery: Any, hints: Any) -> None:
    job_id = gallery.job("upload", lane="images.interactive")
    ready(office, job_id, 1, size=1, lane="images.heavy")
    assert dispatch_job(office.context, job_id) == 1
    assert len(hints.take(ProcessBatch, Queue.IMAGES_HEAVY)) == 1


def test_interactive_batches_that_were_given_back_do_not_wait_for_the_bulk_jobs_cap(office: Any, gallery: Any) -> None:
    job_id = gallery.job("upload", lane="images.interactive")
    ready(office, job_id, 40, size=1)
    assert dispatch_job(office.context, job_id) == 40


def test_a_leased_batch_counts_until_it_is_closed(office: Any, gallery: Any) -> None:
    job_id = gallery.job()
    ready(office, job_id, 20)
    dispatch_job(office.context, job_id)
    office.execute("UPDATE image_batches SET status = 'leased' WHERE status = 'published'")
    assert dispatch_job(office.context, job_id) == 0
    office.execute("UPDATE image_batches SET status = 'closed' WHERE status = 'leased'")
    assert dispatch_job(office.context, job_id) == CAP


def test_jobs_take_turns(office: Any, gallery: Any) -> None:
    jobs = [gallery.job() for _ in range(3)]
    for job_id in jobs:
        ready(office, job_id, 20)
    dispatch_ready(office.context)
    assert published(office) == Counter(dict.fromkeys(jobs, 2))


def test_what_comes_free_goes_to_the_job_with_the_fewest_in_flight(office: Any, gallery: Any) -> None:
    first, second = gallery.job(), gallery.job()
    ready(office, first, 20)
    dispatch_ready(office.context)
    ready(office, second, 20)
    for _ in range(3):
        close_one(office, first)
        dispatch_job(office.context, first)
    assert published(office) == Counter({first: 3, second: 3})


@pytest.mark.parametrize("status", ["paused", "cancelling", "completed"])
def test_only_processing_jobs_are_dispatched(office: Any, gallery: Any, status: str) -> None:
    job_id = gallery.job(status=status)
    ready(office, job_id, 5)
    assert dispatch_job(office.context, job_id) == 0


def test_an_expired_job_is_not_dispatched(office: Any, gallery: Any) -> None:
    job_id = gallery.job()
    ready(office, job_id, 5)
    office.execute("UPDATE image_jobs SET expires_at = now() - interval '1 second'")
    assert dispatch_job(office.context, job_id) == 0


def test_a_batch_given_back_waits_until_it_is_due(office: Any, gallery: Any) -> None:
    job_id = gallery.job()
    ready(office, job_id, 2)
    office.execute("UPDATE image_batches SET due_at = now() + interval '1 minute'")
    assert dispatch_job(office.context, job_id) == 0


def test_what_a_paused_job_has_on_its_queue_does_not_hold_up_the_others(office: Any, gallery: Any) -> None:
    paused, other = gallery.job(), gallery.job()
    ready(office, paused, 10)
    dispatch_job(office.context, paused)
    office.execute("UPDATE image_jobs SET status = 'paused' WHERE id = %s", paused)
    ready(office, other, 10)
    assert dispatch_job(office.context, other) == CAP


def test_a_job_with_a_rate_has_a_batch_and_then_waits_as_long_as_it_is_worth(office: Any, gallery: Any) -> None:
    job_id = gallery.job(rate="10/m", seconds_per_item=6.0)
    ready(office, job_id, 5, size=2)
    assert dispatch_job(office.context, job_id) == 1
    assert dispatch_job(office.context, job_id) == 0
    (moments,) = office.rows(  # both were set by the clock of that transaction
        "SELECT j.next_batch_at - b.due_at AS apart FROM image_jobs j JOIN image_batches b ON b.status = 'published'"
    )
    assert moments["apart"].total_seconds() == 12 - 30
    is_due(office)
    assert dispatch_ready(office.context) == 1


def test_a_rate_is_kept_on_average_though_the_sweep_comes_late(office: Any, gallery: Any) -> None:
    job_id = gallery.job(seconds_per_item=6.0)
    ready(office, job_id, 5, size=1)
    dispatch_job(office.context, job_id)
    office.execute("UPDATE image_jobs SET next_batch_at = now() - interval '1 second'")
    due = gallery.row(job_id)["next_batch_at"]
    assert dispatch_job(office.context, job_id) == 1
    assert (gallery.row(job_id)["next_batch_at"] - due).total_seconds() == 6


def test_a_rate_does_not_make_up_for_a_pause(office: Any, gallery: Any) -> None:
    job_id = gallery.job(seconds_per_item=6.0)
    ready(office, job_id, 5, size=1)
    dispatch_job(office.context, job_id)
    office.execute("UPDATE image_jobs SET next_batch_at = now() - interval '1 hour'")
    assert dispatch_job(office.context, job_id) == 1
    assert dispatch_job(office.context, job_id) == 0


def test_a_rate_is_the_jobs_whatever_lanes_its_images_stand_in(office: Any, gallery: Any) -> None:
    job_id = gallery.job(seconds_per_item=1.0)
    ready(office, job_id, 3, size=1)
    ready(office, job_id, 3, size=1, lane="images.heavy")
    assert dispatch_ready(office.context) == 1
    is_due(office)
    assert dispatch_ready(office.context) == 1


def test_a_job_with_a_rate_does_not_hold_up_one_without(office: Any, gallery: Any) -> None:
    slow, fast = gallery.job(seconds_per_item=60.0), gallery.job()
    ready(office, slow, 10, size=1)
    ready(office, fast, 10)
    dispatch_ready(office.context)
    assert published(office) == Counter({slow: 1, fast: CAP - 1})


def test_dispatchers_at_once_do_not_overshoot(
    office: Any, gallery: Any, context: Context, other_ledger: Callable[[], Ledger]
) -> None:
    slow = gallery.job(seconds_per_item=60.0)
    ready(office, slow, 50, size=1)
    ready(office, gallery.job(), 100)
    contexts = [Context(other_ledger(), context.publisher, context.settings) for _ in range(6)]
    threads = [threading.Thread(target=dispatch_ready, args=(one,)) for one in contexts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert published(office).total() == CAP
    assert published(office)[slow] == 1


def test_a_published_batch_says_when_its_hint_is_repeated(office: Any, gallery: Any) -> None:
    ready(office, gallery.job(), 1)
    dispatch_ready(office.context)
    (batch,) = office.rows("SELECT hints, due_at > now() AS later FROM image_batches")
    assert (batch["hints"], batch["later"]) == (1, True)


def test_what_the_broker_does_not_take_is_ready_again(office: Any, gallery: Any) -> None:
    ready(office, gallery.job(), 3)
    nowhere = BrokerSettings(broker_url="amqp://guest:guest@127.0.0.1:1/")
    context = Context(office.context.ledger, Publisher(make_app("nowhere", nowhere)), PlanSettings())
    assert dispatch(context, [Lane.BULK]) == 0
    rows = office.rows("SELECT * FROM image_batches")
    assert [(row["status"], row["hints"]) for row in rows] == [("ready", 0)] * 3


def test_a_job_that_is_gone_publishes_nothing(office: Any) -> None:
    assert dispatch_job(office.context, uuid7()) == 0

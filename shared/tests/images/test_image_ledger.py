"""The life of a batch of images: claimed, recorded image by image, closed; and what a killed or repeated worker finds."""

from typing import Any
from uuid import UUID

import pytest
from psycopg.rows import dict_row

from fanfare_shared.bulk.closing import give_back
from fanfare_shared.contracts.words import Lane
from fanfare_shared.db.connection import Ledger
from fanfare_shared.errors import BatchUnaccountedError, ImageCorruptError, LeaseLostError
from fanfare_shared.images import batches
from fanfare_shared.images.kind import IMAGE_JOBS
from fanfare_shared.images.rows import Claim, Done, ItemRow, MadeVariant, OriginalFacts, Recorded
from fanfare_shared.testing.image_world import ImageWorld, make_image, make_image_job, make_original

pytestmark = pytest.mark.usefixtures("clean_ledger")

FACTS = OriginalFacts("jpeg", "image/jpeg", 40, 30, 1, 5_000)
RESIZED = MadeVariant("variants/aa/aa.jpg", "jpeg", "image/jpeg", 8, 6, 1, 123)


def make(ledger: Ledger, images: int = 3, operation: str = "upload") -> ImageWorld:
    with ledger.transaction() as connection:
        image_ids = [
            make_image(connection, make_original(connection, str(number).encode()), status="processing")
            for number in range(images)
        ]
        return make_image_job(connection, image_ids, operation)


def take(ledger: Ledger, world: ImageWorld, worker: str = "one", **options: Any) -> Claim | None:
    with ledger.transaction() as connection:
        return batches.claim(connection, world.batch_id, worker, 30, **options)


def started(ledger: Ledger, world: ImageWorld, worker: str = "one", **options: Any) -> tuple[Claim, list[ItemRow]]:
    claim = take(ledger, world, worker, **options)
    assert claim is not None
    with ledger.statement() as connection:
        return claim, batches.start_items(connection, claim.lease)


def record(ledger: Ledger, claim: Claim, done: Done, following: int | None = None) -> Recorded:
    with ledger.statement() as connection:
        return batches.record(connection, claim.lease, claim.job, done, following, 30)


def close(ledger: Ledger, claim: Claim) -> None:
    with ledger.transaction() as connection:
        batches.close(connection, claim.lease)


def execute(ledger: Ledger, statement: str, *parameters: Any) -> None:
    with ledger.statement() as connection:
        connection.execute(statement, parameters)


def rows(ledger: Ledger, query: str, *parameters: Any) -> list[dict[str, Any]]:
    with ledger.statement() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def row(ledger: Ledger, table: str, key: UUID | int) -> dict[str, Any]:
    return rows(ledger, f"SELECT * FROM {table} WHERE id = %s", key)[0]


def items(ledger: Ledger) -> list[dict[str, Any]]:
    return rows(ledger, "SELECT * FROM image_items ORDER BY position")


def is_dead(_worker: str) -> bool:
    return True


def test_the_first_image_is_running_before_any_work(ledger: Ledger) -> None:
    world = make(ledger)
    claim, found = started(ledger, world)
    assert [item.position for item in found] == [0, 1, 2]
    assert [item.image_id for item in found] == world.image_ids
    assert row(ledger, "image_batches", world.batch_id)["running"] == 0
    assert (claim.lane, claim.size, claim.job.operation) == (Lane.INTERACTIVE, 3, "upload")


def test_a_record_is_all_of_an_image_and_begins_the_next(ledger: Ledger) -> None:
    world = make(ledger)
    claim, found = started(ledger, world)
    done = Done(found[0], seconds=0.25, variants={"resized": RESIZED}, facts=FACTS)
    assert record(ledger, claim, done, following=1) == Recorded(may_work=True, image_lives=True)
    (item, *_) = items(ledger)
    assert (item["status"], item["attempts"], item["duration_ms"]) == ("succeeded", 1, 250)
    batch = row(ledger, "image_batches", world.batch_id)
    assert (batch["running"], batch["succeeded"], batch["writes"]) == (1, 1, 1)
    assert row(ledger, "images", world.image_ids[0])["status"] == "ready"
    (variant,) = rows(ledger, "SELECT * FROM variants")
    assert (variant["image_id"], variant["name"], variant["key"]) == (world.image_ids[0], "resized", RESIZED.key)
    assert row(ledger, "originals", found[0].original_id or 0)["price"] == FACTS.price


@pytest.mark.parametrize(("operation", "status"), [("upload", "failed"), ("process", "processing")])
def test_a_failure_is_an_upload_s_image_s_own(ledger: Ledger, operation: str, status: str) -> None:
    world = make(ledger, operation=operation)
    claim, found = started(ledger, world)
    record(ledger, claim, Done(found[0], error=ImageCorruptError("bad")), following=1)
    (item, *_) = items(ledger)
    assert (item["status"], item["error_code"], item["error_message"]) == ("failed", "IMAGE_CORRUPT", "bad")
    assert row(ledger, "image_batches", world.batch_id)["errors"] == {"IMAGE_CORRUPT": 1}
    assert row(ledger, "images", world.image_ids[0])["status"] == status


def test_a_record_whose_commit_was_not_seen_settles_itself(ledger: Ledger) -> None:
    world = make(ledger)
    claim, found = started(ledger, world)
    done = Done(found[0], variants={"resized": RESIZED}, facts=FACTS)
    record(ledger, claim, done, following=1)
    claim.lease.writes -= 1
    assert record(ledger, claim, done, following=1) == Recorded(may_work=True, image_lives=True)
    batch = row(ledger, "image_batches", world.batch_id)
    assert (batch["succeeded"], batch["writes"], claim.lease.writes) == (1, 1, 1)
    assert items(ledger)[0]["attempts"] == 1


def test_who_was_overtaken_writes_nothing(ledger: Ledger) -> None:
    world = make(ledger)
    claim, found = started(ledger, world)
    assert started(ledger, world, "two", is_dead=is_dead)
    with pytest.raises(LeaseLostError):
        record(ledger, claim, Done(found[0], variants={"resized": RESIZED}))
    with pytest.raises(LeaseLostError):
        close(ledger, claim)
    assert [item["status"] for item in items(ledger)] == ["pending"] * 3
    assert rows(ledger, "SELECT * FROM variants") == []


@pytest.mark.parametrize("change", ["status = 'paused'", "expires_at = now() - interval '1 second'"])
def test_a_record_says_that_the_job_must_not_go_on(ledger: Ledger, change: str) -> None:
    world = make(ledger)
    claim, found = started(ledger, world)
    execute(ledger, f"UPDATE image_jobs SET {change}")
    assert not record(ledger, claim, Done(found[0]), following=1).may_work
    batch = row(ledger, "image_batches", world.batch_id)
    assert (batch["running"], batch["succeeded"]) == (None, 1)


def test_a_live_lease_is_another_s_unless_its_worker_is_known_to_be_dead(ledger: Ledger) -> None:
    world = make(ledger)
    assert take(ledger, world) is not None
    assert take(ledger, world, "two") is None
    assert take(ledger, world, "two", is_dead=lambda worker: worker == "one") is not None


def test_a_closed_batch_s_counts_are_its_job_s(ledger: Ledger) -> None:
    world = make(ledger, images=2)
    claim, found = started(ledger, world)
    record(ledger, claim, Done(found[0]), following=1)
    with pytest.raises(BatchUnaccountedError):
        close(ledger, claim)
    record(ledger, claim, Done(found[1], error=ImageCorruptError()))
    close(ledger, claim)
    job = row(ledger, "image_jobs", world.job_id)
    assert (job["succeeded"], job["failed"], job["settled"], job["errors"]) == (1, 1, 2, {"IMAGE_CORRUPT": 1})
    assert row(ledger, "image_batches", world.batch_id)["status"] == "closed"
    assert take(ledger, world) is None


def test_an_image_is_done_again_after_one_death_and_failed_after_two(ledger: Ledger) -> None:
    world = make(ledger)
    claim, found = started(ledger, world)
    record(ledger, claim, Done(found[0]), following=1)
    started(ledger, world, "two", is_dead=is_dead)
    assert [(item["status"], item["attempts"], item["deaths"]) for item in items(ledger)] == [
        ("succeeded", 1, 0),
        ("pending", 1, 1),
        ("pending", 0, 0),
    ]
    claim, found = started(ledger, world, "three", is_dead=is_dead, limits="The limits are small.")
    assert [item.position for item in found] == [2]
    item = items(ledger)[1]
    assert (item["status"], item["error_code"], item["deaths"]) == ("failed", "IMAGE_KILLED_WORKER", 2)
    assert item["error_message"].endswith("The limits are small.")
    assert row(ledger, "images", world.image_ids[1])["error_code"] == "IMAGE_KILLED_WORKER"
    record(ledger, claim, Done(found[0]))
    close(ledger, claim)
    job = row(ledger, "image_jobs", world.job_id)
    assert (job["succeeded"], job["failed"], job["errors"]) == (2, 1, {"IMAGE_KILLED_WORKER": 1})


def test_a_batch_of_nothing_but_such_images_is_not_set_aside(ledger: Ledger) -> None:
    world = make(ledger, images=4)
    for number in range(9):
        claim, _ = started(ledger, world, f"worker {number}", is_dead=is_dead)
    close(ledger, claim)
    assert {item["error_code"] for item in items(ledger)} == {"IMAGE_KILLED_WORKER"}
    assert row(ledger, "image_jobs", world.job_id)["failed"] == 4


def test_who_gives_a_batch_back_has_not_died(ledger: Ledger) -> None:
    world = make(ledger)
    claim, _ = started(ledger, world)
    with ledger.transaction() as connection:
        give_back(connection, IMAGE_JOBS, claim.lease)
    execute(ledger, "UPDATE image_batches SET status = 'published'")
    started(ledger, world, "two")
    assert {(item["deaths"], item["attempts"]) for item in items(ledger)} == {(0, 0)}


def test_a_heavy_image_leaves_its_batch_once(ledger: Ledger) -> None:
    world = make(ledger, images=2)
    claim, found = started(ledger, world)

    def move() -> int:
        with ledger.statement() as connection:
            recorded, batch_id = batches.move_to_heavy(connection, claim.lease, found[0], FACTS, 1, 30, publish=True)
        assert recorded.may_work
        return batch_id

    moved = move()
    claim.lease.writes -= 1  # its commit was not seen
    assert move() == moved
    assert [item["batch_id"] for item in items(ledger)] == [moved, world.batch_id]
    batch = row(ledger, "image_batches", moved)
    assert (batch["lane"], batch["status"], batch["hints"], batch["size"]) == ("images.heavy", "published", 1, 1)
    assert (batch["first_position"], batch["last_position"]) == (0, 0)
    record(ledger, claim, Done(found[1]))
    close(ledger, claim)
    assert row(ledger, "image_jobs", world.job_id)["settled"] == 1


def test_the_lease_is_renewed_while_the_job_may_go_on(ledger: Ledger) -> None:
    world = make(ledger)
    claim, _ = started(ledger, world)
    execute(ledger, "UPDATE image_batches SET due_at = now() + interval '1 second'")
    with ledger.statement() as connection:
        assert batches.renew(connection, claim.lease, 1_000).may_work
    assert rows(ledger, "SELECT due_at > now() + interval '500 seconds' AS renewed FROM image_batches") == [
        {"renewed": True}
    ]

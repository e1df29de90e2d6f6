"""Each file operation on a batch: what changes, what each item is recorded with, and that the batch is closed with it."""

from typing import Any
from uuid import UUID

import pytest

from fanfare_shared.contracts.words import Lane
from fanfare_shared.ids import uuid7
from fanfare_shared.testing.image_world import make_folder, original_key
from harness.image_worker import ImageWorker


def folder(worker: ImageWorker, path: str) -> UUID:
    with worker.ledger.transaction() as connection:
        return make_folder(connection, path)


def run(worker: ImageWorker, image_ids: list[UUID], operation: str, **parameters: Any) -> list[dict[str, Any]]:
    """The items afterwards; the account adds up."""
    worker.job(image_ids, operation, parameters, Lane.FILES)
    worker.work()
    items = worker.items()
    batch, job = worker.batch(), worker.row()
    assert batch["status"] == "closed"
    assert {item["status"] for item in items} <= {"succeeded", "failed"}
    for row in (batch, job):
        assert row["succeeded"] == sum(item["status"] == "succeeded" for item in items)
        assert row["failed"] == sum(item["status"] == "failed" for item in items)
        assert sum(row["errors"].values()) == row["failed"]
    assert job["settled"] == len(items)
    return items


def codes(items: list[dict[str, Any]]) -> list[str | None]:
    return [item["error_code"] for item in items]


def names_in(worker: ImageWorker, folder_id: UUID | None) -> list[str]:
    rows = worker.rows(
        "SELECT name FROM images WHERE folder_id IS NOT DISTINCT FROM %s AND trashed_at IS NULL ORDER BY name",
        folder_id,
    )
    return [row["name"] for row in rows]


def trashed(worker: ImageWorker, image_id: UUID) -> UUID:
    with worker.ledger.statement() as connection:
        connection.execute("UPDATE images SET trashed_at = now() WHERE id = %s", (image_id,))
    return image_id


def with_variant(worker: ImageWorker, image_id: UUID, key: str = "variants/aa/aa.jpg", name: str = "resized") -> UUID:
    worker.storage.put(key, key.encode(), "image/jpeg")
    with worker.ledger.statement() as connection:
        connection.execute(
            "INSERT INTO variants (image_id, name, key, format, media_type, width, height, size) "
            "VALUES (%s, %s, %s, 'jpeg', 'image/jpeg', 8, 6, 5)",
            (image_id, name, key),
        )
    return image_id


def test_images_go_to_the_trash_and_come_back(worker: ImageWorker) -> None:
    one, two, gone = worker.image(b"1"), trashed(worker, worker.image(b"2")), uuid7()
    assert codes(run(worker, [one, two, gone], "trash")) == [None, "IMAGE_TRASHED", "IMAGE_UNKNOWN"]
    assert worker.image_row(one)["trashed_at"] is not None
    three = worker.image(b"3")
    assert codes(run(worker, [one, two, three, gone], "restore")) == [None, None, "IMAGE_NOT_TRASHED", "IMAGE_UNKNOWN"]
    assert worker.image_row(one)["trashed_at"] is None


def test_a_moved_image_gets_a_number_where_its_name_is_taken(worker: ImageWorker) -> None:
    there = folder(worker, "there")
    worker.image(b"0", "a.jpg", folder_id=there)
    worker.image(b"00", "a (1).jpg", folder_id=there)
    images = [worker.image(b"1", "a.jpg"), worker.image(b"2", "a.jpg"), worker.image(b"3", "b.jpg")]
    hidden = trashed(worker, worker.image(b"4", "c.jpg"))
    items = run(worker, [*images, hidden], "move", folder_id=str(there), collision="number")
    assert codes(items) == [None, None, None, "IMAGE_TRASHED"]
    assert names_in(worker, there) == ["a (1).jpg", "a (2).jpg", "a (3).jpg", "a.jpg", "b.jpg"]
    assert [item["result"] for item in items[:3]] == [{"name": "a (2).jpg"}, {"name": "a (3).jpg"}, None]


@pytest.mark.parametrize(
    ("collision", "expected", "result"), [("skip", None, {"skipped": "NAME_TAKEN"}), ("fail", "NAME_TAKEN", None)]
)
def test_an_image_whose_name_is_taken_stays_where_it_is(
    worker: ImageWorker, collision: str, expected: str | None, result: dict[str, str] | None
) -> None:
    there = folder(worker, "there")
    worker.image(b"0", "a.jpg", folder_id=there)
    image = worker.image(b"1", "a.jpg")
    (item,) = run(worker, [image], "move", folder_id=str(there), collision=collision)
    assert (item["error_code"], item["result"]) == (expected, result)
    assert worker.image_row(image)["folder_id"] is None
    assert names_in(worker, there) == ["a.jpg"]


def test_a_trashed_image_takes_no_name_and_one_that_is_there_already_keeps_its_own(worker: ImageWorker) -> None:
    there = folder(worker, "there")
    trashed(worker, worker.image(b"0", "a.jpg", folder_id=there))
    images = [worker.image(b"1", "a.jpg", folder_id=there)]
    run(worker, images, "move", folder_id=str(there), collision="fail")
    assert names_in(worker, there) == ["a.jpg"]


def test_images_cannot_go_to_a_folder_that_is_gone(worker: ImageWorker) -> None:
    image = worker.image(b"1")
    assert codes(run(worker, [image], "move", folder_id=str(uuid7()), collision="number")) == ["FOLDER_UNKNOWN"]


def test_a_copy_is_another_image_of_the_same_original_with_the_same_variants(worker: ImageWorker) -> None:
    image = with_variant(worker, worker.image(b"1", "a.jpg", owner="kim"))
    young = worker.image(b"2", "b.jpg", status="processing")
    done, refused = run(worker, [image, young], "copy", folder_id=None, collision="number")
    copy = worker.image_row(UUID(done["result"]["image_id"]))
    source = worker.image_row(image)
    assert done["result"]["name"] == copy["name"] == "a (1).jpg"
    assert (copy["original_id"], copy["owner"], copy["status"]) == (source["original_id"], "kim", "ready")
    assert worker.variants(copy["id"])["resized"]["key"] == worker.variants(image)["resized"]["key"]
    assert refused["error_code"] == "IMAGE_PROCESSING"


def test_images_are_renamed_by_a_pattern(worker: ImageWorker) -> None:
    there = folder(worker, "holiday/2026")
    when = "2026-01-31T12:00:00+00:00"
    images = [worker.image(bytes([n]), f"IMG{n}.jpg", folder_id=there, uploaded_at=when) for n in range(2)]
    items = run(worker, images, "rename", pattern="{folder} {date} {stem}-{n:04}{ext}", collision="number")
    assert [item["result"]["name"] for item in items] == [
        "2026 2026-01-31 IMG0-0001.jpg",
        "2026 2026-01-31 IMG1-0002.jpg",
    ]
    assert names_in(worker, there) == [item["result"]["name"] for item in items]


def test_images_may_change_their_names_among_themselves(worker: ImageWorker) -> None:
    images = [worker.image(b"1", "2.jpg"), worker.image(b"2", "1.jpg")]
    assert codes(run(worker, images, "rename", pattern="{n}{ext}", collision="fail")) == [None, None]
    assert [worker.image_row(image)["name"] for image in images] == ["1.jpg", "2.jpg"]


def test_the_name_of_an_image_that_stays_is_not_given_away(worker: ImageWorker) -> None:
    worker.image(b"0", "1.jpg")
    images = [worker.image(b"1", "2.jpg"), worker.image(b"2", "x.jpg")]
    assert codes(run(worker, images, "rename", pattern="{n}{ext}", collision="fail")) == ["NAME_TAKEN", "NAME_TAKEN"]
    assert names_in(worker, None) == ["1.jpg", "2.jpg", "x.jpg"]


def test_a_name_that_cannot_be_one_fails_its_image_only(worker: ImageWorker) -> None:
    images = [worker.image(b"1", "a.jpg"), worker.image(b"2", "b" * 251 + ".jpg")]
    items = run(worker, images, "rename", pattern="{stem}{n}{ext}", collision="number")
    assert codes(items) == [None, "NAME_INVALID"]
    assert "255" in items[1]["error_message"]


def test_a_pattern_reads_nothing_of_python(worker: ImageWorker) -> None:
    image = worker.image(b"1", "a.jpg")
    (item,) = run(worker, [image], "rename", pattern="{n.__class__}{stem}", collision="number")
    assert item["result"] == {"name": "{n.__class__}a"}


def test_a_thousand_images_of_one_name_get_a_thousand_names(worker: ImageWorker) -> None:
    there = folder(worker, "there")
    original = worker.image_row(worker.image(b"1"))["original_id"]
    with worker.ledger.transaction() as connection:
        rows = connection.execute(
            "INSERT INTO images (id, original_id, name, status, created_by) "
            "SELECT gen_random_uuid(), %s, 'a.jpg', 'ready', 't' FROM generate_series(1, 1000) RETURNING id",
            (original,),
        ).fetchall()
    images = [row[0] for row in rows]
    run(worker, images[:500], "move", folder_id=str(there), collision="number")
    run(worker, images[500:], "move", folder_id=str(there), collision="number")
    assert sorted(names_in(worker, there)) == sorted(["a.jpg", *(f"a ({n}).jpg" for n in range(1, 1000))])


def stored(worker: ImageWorker) -> set[str]:
    return {found.key for found in worker.storage.list()}


def test_purging_the_last_image_of_an_original_removes_its_objects(worker: ImageWorker) -> None:
    image = with_variant(worker, worker.image(b"1"))
    run(worker, [image], "purge")
    assert worker.rows("SELECT * FROM images") == worker.rows("SELECT * FROM originals") == []
    assert worker.rows("SELECT * FROM doomed_objects") == []
    assert stored(worker) == set()


def test_what_another_image_has_too_survives_a_purge(worker: ImageWorker) -> None:
    image = with_variant(worker, worker.image(b"1"))
    other = with_variant(worker, worker.image(b"1"))
    with_variant(worker, image, "variants/bb/own.jpg", "own")
    run(worker, [image], "purge")
    (original,) = worker.rows("SELECT * FROM originals")
    assert set(worker.variants(other)) == {"resized"}
    assert {original["key"], "variants/aa/aa.jpg"} <= stored(worker)
    doomed = worker.rows("SELECT key, due_at > now() + interval '10 minutes' AS later FROM doomed_objects")
    assert doomed == [{"key": "variants/bb/own.jpg", "later": True}], "a worker may be about to record the same variant"


def test_emptying_the_trash_spares_what_was_restored_since(worker: ImageWorker) -> None:
    image, restored = trashed(worker, worker.image(b"1")), worker.image(b"2")
    worker.job([image, restored], "purge", {}, Lane.FILES)
    with worker.ledger.statement() as connection:
        connection.execute("UPDATE image_jobs SET target = '{\"trashed_before\": null}'")
    worker.work()
    assert worker.outcomes() == [("succeeded", None), ("failed", "IMAGE_NOT_TRASHED")]
    assert [row["id"] for row in worker.rows("SELECT id FROM images")] == [restored]


def test_a_dropped_original_leaves_the_variants(worker: ImageWorker) -> None:
    image, shared = with_variant(worker, worker.image(b"1")), worker.image(b"2")
    worker.image(b"2", "again.jpg")
    assert codes(run(worker, [image, shared], "drop_original")) == [None, "ORIGINAL_IN_USE"]
    dropped, kept = (
        worker.rows("SELECT * FROM originals WHERE id = %s", worker.image_row(one)["original_id"])[0]
        for one in (image, shared)
    )
    assert (dropped["key"], dropped["dropped_at"] is None) == (None, False)
    assert stored(worker) == {original_key(kept["digest"]), "variants/aa/aa.jpg"}


def test_all_images_of_an_original_in_one_job_drop_it(worker: ImageWorker) -> None:
    images = [worker.image(b"1", "a.jpg"), worker.image(b"1", "b.jpg")]
    assert codes(run(worker, images, "drop_original")) == [None, None]
    assert stored(worker) == set()

"""What an image's item is recorded with, and what becomes of the image."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from fanfare_image_worker.engine.header import Header, inspect
from fanfare_image_worker.engine.render import Rendered, render
from fanfare_image_worker.pipelines import make
from fanfare_shared.contracts.words import Lane
from fanfare_shared.errors import ImageOutOfMemoryError
from fanfare_shared.images.doomed import remove_doomed
from fanfare_shared.images.formats import OutputFormat
from fanfare_shared.images.pipeline import Fit, Pipeline, Variant, Watermark
from fanfare_shared.settings import StorageSettings
from fanfare_shared.testing.image_world import pipeline_parameters
from harness.image_worker import ImageWorker, MakeWorker
from harness.images.corpus import CORPUS
from harness.images.photos import jpeg

PHOTO = jpeg(640, 480, seed=1)
SMALL = Variant(name="small", resize=Fit(max_width=64))
TINY = Variant(name="tiny", resize=Fit(max_width=16), format=OutputFormat.PNG)


def of(*variants: Variant) -> dict[str, object]:
    return pipeline_parameters(Pipeline(variants=list(variants)))


def test_an_original_s_header_is_kept(worker: ImageWorker) -> None:
    worker.upload([PHOTO])
    worker.work()
    (original,) = worker.rows("SELECT * FROM originals")
    assert (original["format"], original["width"], original["height"], original["pages"]) == ("jpeg", 640, 480, 1)
    assert original["price"] > original["size"]


def test_several_variants_are_stored_each_under_a_key_of_its_own(worker: ImageWorker) -> None:
    world = worker.upload([PHOTO], Pipeline(variants=[SMALL, TINY]))
    worker.work()
    found = worker.variants(world.image_ids[0])
    assert {name: (row["width"], row["media_type"]) for name, row in found.items()} == {
        "small": (64, "image/jpeg"),
        "tiny": (16, "image/png"),
    }
    assert len({row["key"] for row in found.values()}) == 2
    assert all(worker.storage.head(row["key"]).size == row["size"] for row in found.values())


def test_a_bucket_serves_as_well_as_a_folder(make_worker: MakeWorker, s3_settings: StorageSettings) -> None:
    worker = make_worker(**s3_settings.model_dump(exclude_unset=True))
    world = worker.upload([PHOTO], Pipeline(variants=[SMALL]))
    worker.work()
    small = worker.variants(world.image_ids[0])["small"]
    assert worker.storage.head(small["key"]).size == small["size"]


def test_the_corpus_goes_through_and_each_file_ends_as_it_should(make_worker: MakeWorker) -> None:
    worker = make_worker(image_heavy_bytes=2**40)
    images = [worker.image(file.data, f"{name}.jpg", status="processing") for name, file in CORPUS.items()]
    worker.job(images, "upload", of(SMALL), Lane.BULK)
    worker.work()
    expected = [("succeeded", None) if file.error is None else ("failed", file.error.code) for file in CORPUS.values()]
    assert dict(zip(CORPUS, worker.outcomes(), strict=True)) == dict(zip(CORPUS, expected, strict=True))
    rows = {row["id"]: row for row in worker.rows("SELECT * FROM images")}
    found = [(rows[image]["status"], rows[image]["error_code"]) for image in images]
    assert found == [("ready", None) if code is None else ("failed", code) for _, code in expected]
    batch = worker.batch()
    assert (batch["status"], batch["succeeded"] + batch["failed"]) == ("closed", len(CORPUS))
    assert sum(batch["errors"].values()) == batch["failed"]


def test_an_image_that_went_away_fails_with_what_became_of_it(worker: ImageWorker) -> None:
    lost, dropped, trashed, kept = (worker.image(jpeg(32, 24, seed=n), f"{n}.jpg") for n in range(4))
    with worker.ledger.transaction() as connection:
        connection.execute(
            "UPDATE originals SET key = 'originals/00/lost' WHERE id = (SELECT original_id FROM images WHERE id = %s)",
            (lost,),
        )
        connection.execute(
            "UPDATE originals SET key = NULL, dropped_at = now() WHERE id = "
            "(SELECT original_id FROM images WHERE id = %s)",
            (dropped,),
        )
        connection.execute("UPDATE images SET trashed_at = now() WHERE id = %s", (trashed,))
    worker.job([lost, dropped, trashed, uuid4(), kept], "process", of(SMALL))
    worker.work()
    assert worker.outcomes() == [
        ("failed", "ORIGINAL_MISSING"),
        ("failed", "ORIGINAL_DROPPED"),
        ("failed", "IMAGE_TRASHED"),
        ("failed", "IMAGE_UNKNOWN"),
        ("succeeded", None),
    ]
    assert worker.image_row(lost)["status"] == "ready", "a later job does not spoil what is there"


def test_an_upload_is_finished_in_the_trash_too(worker: ImageWorker) -> None:
    world = worker.upload([PHOTO])
    with worker.ledger.statement() as connection:
        connection.execute("UPDATE images SET trashed_at = now()")
    worker.work()
    assert worker.outcomes() == [("succeeded", None)]
    assert worker.image_row(world.image_ids[0])["status"] == "ready"


def test_the_same_work_is_not_done_twice(worker: ImageWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    first = worker.upload([PHOTO], Pipeline(variants=[SMALL]))
    worker.work()
    with monkeypatch.context() as only_small:
        only_small.setattr(type(worker.storage), "get", _refuse)
        only_small.setattr(make, "render", _refuse)
        second = worker.upload([PHOTO], Pipeline(variants=[SMALL]))
        worker.work()
    assert worker.outcomes() == [("succeeded", None)]
    keys = [worker.variants(world.image_ids[0])["small"]["key"] for world in (first, second)]
    assert keys[0] == keys[1]


@pytest.mark.parametrize("left", [None, b"cut short"])
def test_a_variant_that_storage_lost_is_made_again(worker: ImageWorker, left: bytes | None) -> None:
    first = worker.upload([PHOTO], Pipeline(variants=[SMALL]))
    worker.work()
    known = worker.variants(first.image_ids[0])["small"]
    worker.storage.delete([known["key"]])
    if left is not None:
        worker.storage.put(known["key"], left, "image/jpeg")
    worker.upload([PHOTO], Pipeline(variants=[SMALL]))
    worker.work()
    assert worker.outcomes() == [("succeeded", None)]
    assert worker.storage.head(known["key"]).size == known["size"]


def test_twins_in_one_batch_are_made_once(worker: ImageWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[object] = []

    def counted(*given: Any) -> Iterator[Rendered]:
        rendered.append(given)
        return render(*given)

    monkeypatch.setattr(make, "render", counted)
    world = worker.upload([PHOTO, PHOTO])
    worker.work()
    assert len(rendered) == 1
    assert worker.outcomes() == [("succeeded", None)] * 2
    assert {worker.image_row(image)["status"] for image in world.image_ids} == {"ready"}


def _refuse(*_: object, **__: object) -> None:
    raise AssertionError("this was done before")


def test_a_variant_made_anew_replaces_the_one_of_its_name(worker: ImageWorker) -> None:
    world = worker.upload([PHOTO], Pipeline(variants=[SMALL]))
    worker.work()
    before = worker.variants(world.image_ids[0])["small"]
    worker.job(world.image_ids, "process", of(Variant(name="small", resize=Fit(max_width=32))))
    worker.work()
    after = worker.variants(world.image_ids[0])["small"]
    assert (before["width"], after["width"]) == (64, 32)
    assert [row["key"] for row in worker.rows("SELECT key FROM doomed_objects")] == [before["key"]]


def test_a_variant_that_another_image_has_too_is_removed_with_the_last(worker: ImageWorker) -> None:
    world = worker.upload([PHOTO, PHOTO], Pipeline(variants=[SMALL]))
    worker.work()
    key = worker.variants(world.image_ids[0])["small"]["key"]
    smaller = of(Variant(name="small", resize=Fit(max_width=32)))
    for image_id, is_stored in zip(world.image_ids, (True, False), strict=True):
        worker.job([image_id], "process", smaller)
        worker.work()
        with worker.ledger.statement() as connection:
            connection.execute("UPDATE doomed_objects SET due_at = now()")
        remove_doomed(worker.ledger, worker.storage)
        assert (key in {stored.key for stored in worker.storage.list("variants")}) is is_stored


def test_what_was_made_of_an_image_that_then_fails_is_doomed(
    worker: ImageWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_at_the_second(*given: Any) -> Iterator[Rendered]:
        yield next(iter(render(*given)))
        raise ImageOutOfMemoryError

    monkeypatch.setattr(make, "render", fails_at_the_second)
    worker.upload([PHOTO], Pipeline(variants=[SMALL, TINY]))
    worker.work()
    assert worker.outcomes() == [("failed", "IMAGE_OUT_OF_MEMORY")]
    assert worker.rows("SELECT * FROM variants") == []
    doomed = {row["key"] for row in worker.rows("SELECT key FROM doomed_objects")}
    assert doomed == {stored.key for stored in worker.storage.list("variants")}
    assert len(doomed) == 1


def test_a_doomed_variant_is_taken_over_by_whoever_makes_it_again(worker: ImageWorker) -> None:
    world = worker.upload([PHOTO], Pipeline(variants=[SMALL]))
    worker.work()
    key = worker.variants(world.image_ids[0])["small"]["key"]
    with worker.ledger.transaction() as connection:
        connection.execute("DELETE FROM variants")
        connection.execute("INSERT INTO doomed_objects (key) VALUES (%s)", (key,))
    worker.job(world.image_ids, "process", of(SMALL))
    worker.work()
    assert worker.variants(world.image_ids[0])["small"]["key"] == key
    assert remove_doomed(worker.ledger, worker.storage) == 0
    assert worker.storage.head(key).size > 0


def test_a_doomed_variant_that_was_taken_over_in_vain_is_removed_all_the_same(worker: ImageWorker) -> None:
    world = worker.upload([PHOTO], Pipeline(variants=[SMALL]))
    worker.work()
    (key,) = (stored.key for stored in worker.storage.list("variants"))
    with worker.ledger.transaction() as connection:
        connection.execute("DELETE FROM variants")
        connection.execute("INSERT INTO doomed_objects (key) VALUES (%s)", (key,))
    (original,) = worker.storage.list("originals")
    worker.storage.delete([original.key])
    worker.job(world.image_ids, "process", of(SMALL))
    worker.work()
    assert worker.outcomes() == [("failed", "ORIGINAL_MISSING")]
    with worker.ledger.statement() as connection:
        connection.execute("UPDATE doomed_objects SET due_at = now()")
    assert remove_doomed(worker.ledger, worker.storage) == 1
    assert list(worker.storage.list("variants")) == []


def test_an_image_is_laid_over_others(worker: ImageWorker) -> None:
    mark = worker.image(jpeg(32, 24, seed=9), "mark.jpg")
    marked = Variant(name="marked", resize=Fit(max_width=200), watermark=Watermark(image_id=mark, tile=True))
    plain = Variant(name="plain", resize=Fit(max_width=200))
    world = worker.upload([PHOTO], Pipeline(variants=[marked, plain]))
    worker.work()
    found = worker.variants(world.image_ids[0])
    assert worker.storage.get(found["marked"]["key"]) != worker.storage.get(found["plain"]["key"])


@pytest.mark.parametrize("lost", ["image", "object", "original"])
def test_a_watermark_that_is_not_there_fails_the_images(worker: ImageWorker, lost: str) -> None:
    mark = worker.image(jpeg(32, 24, seed=9), "mark.jpg")
    with worker.ledger.statement() as connection:
        if lost == "image":
            connection.execute("DELETE FROM images")
        elif lost == "object":
            connection.execute("UPDATE originals SET key = 'originals/00/lost'")
        else:
            connection.execute("UPDATE originals SET key = NULL, dropped_at = now()")
    worker.upload([PHOTO], Pipeline(variants=[Variant(name="marked", watermark=Watermark(image_id=mark))]))
    worker.work()
    assert worker.outcomes() == [("failed", "WATERMARK_MISSING")]


def test_a_lack_of_memory_fails_its_image_only(worker: ImageWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []

    def exhausted(*given: Any) -> Header:
        calls.append(given)
        if len(calls) == 1:
            raise MemoryError
        return inspect(*given)

    monkeypatch.setattr(make, "inspect", exhausted)
    worker.upload([PHOTO, jpeg(64, 64)])
    worker.work()
    assert worker.outcomes() == [("failed", "IMAGE_OUT_OF_MEMORY"), ("succeeded", None)]

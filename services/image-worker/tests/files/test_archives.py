"""Archives: what is in them, under which names, and what becomes of one that its worker does not finish."""

import io
import zipfile
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from fanfare_image_worker.files.archive_paths import ArchivePaths
from fanfare_shared.contracts.words import Lane
from fanfare_shared.errors import StorageUnavailableError
from fanfare_shared.settings import StorageSettings
from fanfare_shared.storage.local_folder import LocalFolder
from fanfare_shared.testing.image_world import make_folder
from harness.image_worker import ImageWorker, MakeWorker


def archive(worker: ImageWorker, images: list[UUID], **parameters: Any) -> dict[str, bytes]:
    """What is in the one that was made, by path, in order."""
    worker.job(images, "archive", {"name": "photos"} | parameters, Lane.FILES)
    worker.work()
    return unpacked(worker)


def unpacked(worker: ImageWorker) -> dict[str, bytes]:
    (made,) = worker.row()["result"]["archives"]
    data = worker.storage.get(made["key"])
    assert made["size"] == len(data)
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        assert found.testzip() is None
        assert made["items"] == len(found.namelist())
        assert {info.compress_type for info in found.infolist()} == {zipfile.ZIP_STORED}
        return {name: found.read(name) for name in found.namelist()}


def test_an_archive_keeps_the_folders_and_numbers_what_would_be_the_same(worker: ImageWorker) -> None:
    with worker.ledger.transaction() as connection:
        holiday = make_folder(connection, "휴가/2026")
    images = [
        worker.image(b"1", "a.jpg", folder_id=holiday),
        worker.image(b"2", "A.jpg", folder_id=holiday),
        worker.image(b"3", "a.jpg"),
    ]
    assert archive(worker, images) == {"휴가/2026/a.jpg": b"1", "휴가/2026/A (1).jpg": b"2", "a.jpg": b"3"}
    assert [item["result"]["path"] for item in worker.items()] == ["휴가/2026/a.jpg", "휴가/2026/A (1).jpg", "a.jpg"]
    assert worker.batch()["status"] == "closed"
    assert worker.row()["succeeded"] == 3
    assert worker.rows("SELECT * FROM doomed_objects") == []


def test_each_batch_of_a_job_is_an_archive_of_its_own(worker: ImageWorker) -> None:
    images = [worker.image(bytes([n]), f"{n}.jpg") for n in range(4)]
    world = worker.job(images, "archive", {"name": "photos"}, Lane.FILES, batch_size=3)
    for batch_id in world.batch_ids:
        worker.work(batch_id)
    assert [made["items"] for made in worker.row()["result"]["archives"]] == [3, 1]


def test_what_cannot_be_archived_is_left_out_and_said(worker: ImageWorker) -> None:
    lost, kept = worker.image(b"1", "lost.jpg"), worker.image(b"2", "kept.jpg")
    worker.storage.delete(
        [worker.rows("SELECT key FROM originals o JOIN images i ON i.original_id = o.id AND i.id = %s", lost)[0]["key"]]
    )
    assert archive(worker, [lost, kept, uuid4()]) == {"kept.jpg": b"2"}
    assert worker.outcomes() == [("failed", "ORIGINAL_MISSING"), ("succeeded", None), ("failed", "IMAGE_UNKNOWN")]


def test_variants_of_a_name_can_be_archived_instead(worker: ImageWorker) -> None:
    image, without = worker.image(b"1", "a.png"), worker.image(b"2", "b.png")
    worker.storage.put("variants/aa/aa.webp", b"small", "image/webp")
    with worker.ledger.statement() as connection:
        connection.execute(
            "INSERT INTO variants (image_id, name, key, format, media_type, width, height, size) "
            "VALUES (%s, 'thumb', 'variants/aa/aa.webp', 'webp', 'image/webp', 1, 1, 5)",
            (image,),
        )
    assert archive(worker, [image, without], variant="thumb") == {"a_thumb.webp": b"small"}
    assert worker.outcomes()[1] == ("failed", "VARIANT_MISSING")


def test_an_archive_of_nothing_is_none(worker: ImageWorker) -> None:
    worker.job([uuid4()], "archive", {"name": "photos"}, Lane.FILES)
    worker.work()
    assert worker.row()["result"] is None
    assert worker.batch()["status"] == "closed"


def test_an_archive_goes_to_a_bucket_too(make_worker: MakeWorker, s3_settings: StorageSettings) -> None:
    worker = make_worker(**s3_settings.model_dump(exclude_unset=True))
    large = bytes(range(256)) * 4096 * 6
    assert archive(worker, [worker.image(large, "large.jpg"), worker.image(b"2", "b.jpg")]) == {
        "large.jpg": large,
        "b.jpg": b"2",
    }


def test_a_stopped_archive_gives_its_batch_back_and_leaves_nothing(
    worker: ImageWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [worker.image(bytes([n]), f"{n}.jpg") for n in range(3)]
    stream = LocalFolder.stream

    def stop_at_the_second(self: LocalFolder, key: str, *rest: Any) -> Iterator[bytes]:
        streamed.append(key)
        if len(streamed) == 2:
            worker.process.stop_flag.set()
        return stream(self, key, *rest)

    streamed: list[str] = []
    monkeypatch.setattr(LocalFolder, "stream", stop_at_the_second)
    worker.job(images, "archive", {"name": "photos"}, Lane.FILES)
    worker.work()
    batch = worker.batch()
    assert (batch["status"], batch["worker"], batch["succeeded"]) == ("ready", None, 0)
    assert list(worker.storage.list("archives")) == []
    worker.process.stop_flag._shared[0] = 0
    worker.publish()
    worker.work()
    assert unpacked(worker) == {"0.jpg": b"\0", "1.jpg": b"\1", "2.jpg": b"\2"}


def test_storage_that_goes_away_under_an_archive_fails_no_image(
    worker: ImageWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: object) -> Iterator[bytes]:
        yield b"half"
        raise StorageUnavailableError

    worker.job([worker.image(b"1")], "archive", {"name": "photos"}, Lane.FILES)
    with monkeypatch.context() as away:
        away.setattr(LocalFolder, "stream", unavailable)
        worker.work()
    assert worker.outcomes() == [("pending", None)]
    assert worker.rows("SELECT due_at > now() AS later FROM image_batches") == [{"later": True}]
    worker.publish()
    worker.work()
    assert unpacked(worker) == {"photo.jpg": b"1"}


@pytest.mark.parametrize(
    ("folder", "name", "path"),
    [
        (None, "../../etc/passwd", ".._.._etc_passwd"),
        ("a/b", "C:\\x.jpg", "a/b/C__x.jpg"),
        ("../x", "..", "_/x/_"),
        (None, "tab\there?.jpg", "tab_here_.jpg"),
        (None, "한" * 255 + ".jpg", "한" * 83 + ".jpg"),
        (None, "ends in dots...", "ends in dots"),
        (None, "half \ud800 a pair.jpg", "half _ a pair.jpg"),
        (None, "x." + "y" * 253, "x." + "y" * 253),
    ],
)
def test_a_path_is_one_that_every_unzip_takes(folder: str | None, name: str, path: str) -> None:
    found = ArchivePaths().path(folder, name)
    assert found == path
    assert all(len(part.encode()) <= 255 for part in found.split("/"))


def test_a_folder_and_a_file_never_have_one_path() -> None:
    paths = ArchivePaths()
    assert paths.path("a", "b.jpg") == "a/b.jpg"
    assert paths.path(None, "a") == "a (1)"
    assert paths.path(None, "c") == "c"
    assert paths.path("c", "d") == "c (1)/d"
    assert paths.path("c", "d") == "c (1)/d (1)"

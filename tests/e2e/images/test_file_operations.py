"""File operations over a folder, through the whole fleet: what is where afterwards, and a ZIP that opens."""

import io
import zipfile
from contextlib import suppress
from typing import Any

import httpx
import pytest

from fanfare_shared.testing.polling import until
from harness.album import Album


@pytest.fixture
def files(album: Album) -> dict[str, bytes]:
    """Five photos in two folders, all ready."""
    paths = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg", "b/3.jpg"]
    files = {path: album.photo(number) for number, path in enumerate(paths)}
    album.add(files)
    return files


def originals(album: Album) -> set[bytes]:
    """Whatever is in storage; a file that goes meanwhile is not."""
    found = set()
    for file in (album.fleet.storage / "originals").rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):
            found.add(file.read_bytes())
    return found


def opened(album: Album, archive: dict[str, Any]) -> dict[str, bytes]:
    """The archive's files by their paths, got by its link and without a key."""
    answer = httpx.get(archive["url"], trust_env=False)
    assert answer.status_code == 200
    assert len(answer.content) == archive["size"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def test_an_archive_holds_every_original_or_every_variant_and_its_link_needs_no_key(
    album: Album, files: dict[str, bytes]
) -> None:
    job = album.run(operation={"kind": "archive", "name": "all"})
    (archive,) = job["result"]["archives"]
    assert (archive["name"], archive["items"]) == ("all.zip", 5)
    found = opened(album, archive)
    assert {path.removeprefix(f"{album.folder}/"): data for path, data in found.items()} == files
    job = album.run(operation={"kind": "archive", "name": "small", "variant": "resized"})
    variants = {image["variants"]["resized"]["address"] for image in album.images().values()}
    assert set(opened(album, job["result"]["archives"][0]).values()) == {album.download(one) for one in variants}


def test_copy_move_and_rename_say_what_they_did_where_a_name_is_taken(album: Album, files: dict[str, bytes]) -> None:
    into = {"folder": f"{album.folder}/b"}
    of_a = {"folder": f"{album.folder}/a"}
    copied = album.run(of_a, operation={"kind": "copy", **into})
    assert copied["succeeded"] == 2
    assert album.images().keys() == {*files, "b/1 (1).jpg", "b/2 (1).jpg"}
    refused = album.run(of_a, operation={"kind": "move", **into, "collision": "fail"})
    assert (refused["failed"], refused["errors"]) == (2, {"NAME_TAKEN": 2})
    assert album.run(of_a, operation={"kind": "move", **into})["succeeded"] == 2
    images = album.images()
    assert len(images) == 7
    assert all(path.startswith("b/") for path in images)
    assert all(set(image["variants"]) == {"resized"} for image in images.values()), "copies have their variants"
    album.run(operation={"kind": "rename", "pattern": "trip-{n:03}{ext}"})
    assert album.images().keys() == {f"b/trip-{number:03}.jpg" for number in range(1, 8)}


def test_what_is_trashed_is_restored_or_purged_and_a_purged_originals_object_is_gone(
    album: Album, files: dict[str, bytes]
) -> None:
    images = album.images()
    assert album.run({"folder": f"{album.folder}/b"}, operation={"kind": "trash"})["succeeded"] == 3
    assert album.images().keys() == {"a/1.jpg", "a/2.jpg"}
    trashed = images["b/1.jpg"]["id"]
    assert album.client.http.get(f"/v1/images/{trashed}").status_code == 404
    assert album.client.http.get(f"/v1/images/{trashed}/variants/resized").status_code == 404
    album.run({"image_ids": [trashed]}, operation={"kind": "restore"})
    assert album.images().keys() == {"a/1.jpg", "a/2.jpg", "b/1.jpg"}
    gone = [images[path]["id"] for path in ("b/2.jpg", "b/3.jpg")]
    album.run({"image_ids": gone}, operation={"kind": "purge"})
    assert not album.images(trashed=True)
    # Objects go right after the transaction that removed what named them.
    until("their originals are removed", lambda: not originals(album) & {files["b/2.jpg"], files["b/3.jpg"]}, 60)
    assert {files["a/1.jpg"], files["b/1.jpg"]} <= originals(album)


def test_the_trash_is_emptied_of_what_is_old_by_a_job_and_a_dry_run_says_how_much(
    album: Album, files: dict[str, bytes]
) -> None:
    images = album.images()
    album.run({"folder": f"{album.folder}/b"}, operation={"kind": "trash"})
    with album.fleet.ledger().statement() as connection:
        connection.execute(
            "UPDATE images SET trashed_at = now() - interval '31 days' WHERE id = ANY(%s::uuid[])",
            ([images[path]["id"] for path in ("b/1.jpg", "b/2.jpg")],),
        )
    assert _schedule_run(album, dry_run=True)["images"] == 2
    assert len(album.images(trashed=True)) == 3
    job = album.finish(_schedule_run(album, dry_run=False)["job_id"])
    assert (job["operation"], job["succeeded"]) == ("purge", 2)
    assert album.images(trashed=True).keys() == {"b/3.jpg"}


def _schedule_run(album: Album, *, dry_run: bool) -> dict[str, Any]:
    """The result of a run of `empty_trash`, once it has ended."""
    due_at = album.client.post("/v1/schedules/empty_trash/run", dry_run=dry_run)["due_at"]

    def look() -> dict[str, Any] | None:
        for run in album.client.items("/v1/schedules/empty_trash/runs"):
            if run["due_at"] == due_at and run["finished_at"]:
                return dict(run)
        return None

    run = until("the run has ended", look, 120)
    assert (run["status"], run["dry_run"]) == ("SUCCESS", dry_run), run
    return dict(run["result"])

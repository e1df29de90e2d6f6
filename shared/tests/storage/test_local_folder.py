"""What only a local folder has: files on a disk, and what a killed process leaves there."""

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fanfare_shared.errors import StorageUnavailableError
from fanfare_shared.settings import StorageSettings
from fanfare_shared.storage.opening import open_storage
from fanfare_shared.storage.port import Storage

KILLED_IN_AN_UPLOAD = """
import os, signal, sys
from fanfare_shared.settings import StorageSettings
from fanfare_shared.storage.opening import open_storage

def source():
    for _ in range(20):
        yield bytes(1024 * 1024)
    os.kill(os.getpid(), signal.SIGKILL)

open_storage(StorageSettings(storage_url=sys.argv[1])).put("originals/a", source(), "image/png")
"""


def folder_of(settings: StorageSettings) -> Path:
    return Path(urlsplit(settings.storage_url).path)


def files(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


Operation = Callable[[Storage], object]


async def put_async(storage: Storage) -> None:
    await storage.put_async("originals/b", b"bytes", "image/png")


async def get_async(storage: Storage) -> None:
    await storage.get_async("originals/a")


async def ensure_ready_async(storage: Storage) -> None:
    await storage.ensure_ready_async()


async def delete_async(storage: Storage) -> None:
    await storage.delete_async(["originals/a"])


OPERATIONS: dict[str, Operation] = {
    "put": lambda storage: storage.put("originals/b", b"bytes", "image/png"),
    "put in pieces": lambda storage: storage.put("originals/b", [b"bytes"], "image/png"),
    "put_async": lambda storage: asyncio.run(put_async(storage)),
    "get": lambda storage: storage.get("originals/a"),
    "get_async": lambda storage: asyncio.run(get_async(storage)),
    "get_range": lambda storage: storage.get_range("originals/a", 0, 1),
    "stream": lambda storage: list(storage.stream("originals/a")),
    "head": lambda storage: storage.head("originals/a"),
    "list": lambda storage: list(storage.list()),
    "delete": lambda storage: storage.delete(["originals/a"]),
    "delete_async": lambda storage: asyncio.run(delete_async(storage)),
    "copy": lambda storage: storage.copy("originals/a", "originals/b"),
    "rename": lambda storage: storage.rename("originals/a", "originals/b"),
    "ensure_ready": lambda storage: storage.ensure_ready(),
    "ensure_ready_async": lambda storage: asyncio.run(ensure_ready_async(storage)),
}


@pytest.mark.parametrize("place", ["nothing", "an empty folder"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_while_the_folder_is_away_nothing_is_missing_and_nothing_is_written(
    storage_settings: StorageSettings, operation: str, place: str
) -> None:
    folder, away = folder_of(storage_settings), folder_of(storage_settings).with_name("away")
    storage = open_storage(storage_settings)
    storage.put("originals/a", b"bytes", "image/png")
    folder.rename(away)
    if place == "an empty folder":
        folder.mkdir()
    with pytest.raises(StorageUnavailableError, match="is not there"):
        OPERATIONS[operation](storage)
    assert not folder.exists() or list(folder.iterdir()) == []

    if folder.exists():
        folder.rmdir()
    away.rename(folder)
    storage.ensure_ready()
    assert files(folder) == ["originals/a"]


def test_who_may_not_begin_a_storage_does_not_take_an_empty_folder_for_one(storage_settings: StorageSettings) -> None:
    folder = folder_of(storage_settings)
    open_storage(storage_settings, may_begin=False).ensure_ready()
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(StorageUnavailableError, match="is not there"):
        open_storage(storage_settings, may_begin=False)
    open_storage(storage_settings)
    open_storage(storage_settings, may_begin=False).ensure_ready()


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnavailableError, match="cannot be made"):
        open_storage(StorageSettings(storage_url=(tmp_path / "file" / "storage").as_uri()))


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "사진 100%"
    open_storage(StorageSettings(storage_url=folder.as_uri())).put("a", b"bytes", "image/png")
    assert (folder / "a").read_bytes() == b"bytes"


async def test_the_folder_makes_no_links_past_us(storage_settings: StorageSettings) -> None:
    storage = open_storage(storage_settings)
    assert storage.upload_link("a", 60, size=5, media_type="image/png") is None
    assert storage.download_link("a", 60, filename="a.png", media_type="image/png") is None


def test_what_a_killed_upload_leaves_is_not_seen_and_is_removed(storage_settings: StorageSettings) -> None:
    storage = open_storage(storage_settings)
    storage.put("originals/b", b"bytes", "image/png")
    command = [sys.executable, "-c", KILLED_IN_AN_UPLOAD, storage_settings.storage_url]
    assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL

    assert [stored.key for stored in storage.list()] == ["originals/b"]
    assert files(folder_of(storage_settings)) == ["originals/a#1", "originals/b"]
    assert storage.remove_unfinished(datetime.now(UTC) - timedelta(days=1)) == 0
    assert storage.remove_unfinished(datetime.now(UTC) + timedelta(days=1)) == 1
    assert files(folder_of(storage_settings)) == ["originals/b"]
    storage.put("originals/a", b"bytes", "image/png")
    assert storage.get("originals/a") == b"bytes"


def test_operations_leave_no_other_files(storage_settings: StorageSettings) -> None:
    storage = open_storage(storage_settings)
    storage.put("a", b"bytes", "image/png")
    for _ in range(2):
        storage.copy("a", "b")
        storage.copy("a", "a")
    storage.rename("a", "b")
    assert files(folder_of(storage_settings)) == ["b"]


def test_a_reader_sees_one_body_or_the_other_never_a_mixture(storage_settings: StorageSettings) -> None:
    storage = open_storage(storage_settings)
    bodies = [bytes([number]) * 500_000 for number in range(2)]
    storage.put("a", bodies[0], "image/png")

    def write(body: bytes) -> None:
        for _ in range(50):
            storage.put("a", body, "image/png", durable=False)

    with ThreadPoolExecutor(2) as threads:
        writers = [threads.submit(write, body) for body in bodies]
        while not all(writer.done() for writer in writers):
            assert storage.get("a") in bodies
        for writer in writers:
            writer.result()

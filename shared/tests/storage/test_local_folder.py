"""What only a local folder has: files on a disk, and what a killed process leaves there."""

import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fanfare_shared.errors import StorageUnavailableError
from fanfare_shared.settings import StorageSettings
from fanfare_shared.storage.opening import open_storage

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


async def test_a_folder_that_is_gone_is_not_ready(storage_settings: StorageSettings) -> None:
    storage = open_storage(storage_settings)
    shutil.rmtree(folder_of(storage_settings))
    with pytest.raises(StorageUnavailableError, match="gone or not ours"):
        storage.ensure_ready()
    with pytest.raises(StorageUnavailableError, match="gone or not ours"):
        await storage.ensure_ready_async()


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

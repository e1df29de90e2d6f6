"""A local folder as a storage: what counts as written is on the disk, and what was left half-written can be swept."""

import asyncio
import os
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from obstore.store import LocalStore

from fanfare_shared.errors import StorageUnavailableError
from fanfare_shared.storage.object_storage import ObjectStorage, UploadOptions

# obstore writes `<key>#<number>` and renames it; no key of ours holds a `#`.
_UNFINISHED = re.compile(r"#\d+$")


class LocalFolder(ObjectStorage):
    """May be shared by containers that mount the same folder. Media types are not kept: the ledger has them."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageUnavailableError(f"The storage folder {folder} cannot be made: {error.strerror}") from error
        super().__init__(LocalStore(folder))
        self._folder = folder

    def ensure_ready(self) -> None:
        if not os.access(self._folder, os.R_OK | os.W_OK | os.X_OK):
            raise StorageUnavailableError(f"The storage folder {self._folder} is gone or not ours to write")

    async def ensure_ready_async(self) -> None:
        await asyncio.to_thread(self.ensure_ready)

    def copy(self, source: str, target: str) -> None:
        with self._operation(source, target):
            if self._are_one_file(source, target):
                return
        super().copy(source, target)

    async def copy_async(self, source: str, target: str) -> None:
        await asyncio.to_thread(self.copy, source, target)

    def rename(self, source: str, target: str) -> None:
        super().rename(source, target)
        if source != target and self._are_one_file(source, target):
            self.delete([source])

    async def rename_async(self, source: str, target: str) -> None:
        await asyncio.to_thread(self.rename, source, target)

    def remove_unfinished(self, before: datetime) -> int:
        removed = 0
        for folder, _, names in os.walk(self._folder):
            for name in filter(_UNFINISHED.search, names):
                file = Path(folder, name)
                with suppress(FileNotFoundError):  # it was finished meanwhile
                    if file.stat().st_mtime < before.timestamp():
                        file.unlink()
                        removed += 1
        return removed

    def _are_one_file(self, source: str, target: str) -> bool:
        """A copy is a hard link, and rename(2) of a file onto a link to itself does nothing, not even to the old name."""
        try:
            return (self._folder / source).samefile(self._folder / target)
        except OSError:  # there is only one of them, or none
            return False

    def _upload(self, media_type: str) -> UploadOptions:
        options = super()._upload(media_type)
        del options["attributes"]  # a file has none
        return options

    def _make_durable(self, key: str) -> None:
        file = self._folder / key
        try:
            _sync(file, os.O_RDONLY)
            _sync(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            pass  # deleted or moved since, by another: nothing is left to make durable
        except OSError as error:
            raise StorageUnavailableError(f"The disk under storage failed: {error.strerror}") from error

    async def _make_durable_async(self, key: str) -> None:
        await asyncio.to_thread(self._make_durable, key)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

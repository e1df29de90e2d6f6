"""A local folder as a storage: what counts as written is on the disk, and what was left half-written can be swept."""

import asyncio
import os
import re
from collections.abc import AsyncIterable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from obstore.store import LocalStore

from fanfare_shared.errors import ObjectMissingError, StorageUnavailableError
from fanfare_shared.storage.object_storage import ObjectStorage, UploadOptions
from fanfare_shared.storage.port import Buffer, StoredObject

# obstore writes `<key>#<number>` and renames it; no key of ours holds a `#`.
_UNFINISHED = re.compile(r"#\d+$")


# A folder in the folder, so that it is never listed: where it is missing, the disk is not mounted or the folder was moved.
_MARK = ".fanfare-storage"


def begin(folder: Path) -> None:
    """Makes the folder where it is missing, and marks it as a storage. Raises StorageUnavailableError."""
    try:
        (folder / _MARK).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageUnavailableError(f"The storage folder {folder} cannot be made: {error.strerror}") from error


class LocalFolder(ObjectStorage):
    """May be shared by containers that mount the same folder. Media types are not kept: the ledger has them.

    While the folder is not the one that was marked, nothing is written and nothing is said to be missing: every operation
    raises StorageUnavailableError.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ensure_there()
        super().__init__(LocalStore(folder))

    def ensure_ready(self) -> None:
        self._ensure_there()
        if not os.access(self._folder, os.R_OK | os.W_OK | os.X_OK):
            raise StorageUnavailableError(f"The storage folder {self._folder} is not ours to write")

    async def ensure_ready_async(self) -> None:
        await asyncio.to_thread(self.ensure_ready)

    def put(self, key: str, data: Buffer | Iterable[Buffer], media_type: str, *, durable: bool = True) -> None:
        self._ensure_there()
        super().put(key, data, media_type, durable=durable)
        self._ensure_there()

    async def put_async(
        self, key: str, data: Buffer | AsyncIterable[Buffer], media_type: str, *, durable: bool = True
    ) -> None:
        await asyncio.to_thread(self._ensure_there)
        await super().put_async(key, data, media_type, durable=durable)
        await asyncio.to_thread(self._ensure_there)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        self._ensure_there()
        yield from super().list(prefix)
        self._ensure_there()

    def delete(self, keys: Iterable[str]) -> None:
        self._ensure_there()
        super().delete(keys)

    async def delete_async(self, keys: Iterable[str]) -> None:
        await asyncio.to_thread(self._ensure_there)
        await super().delete_async(keys)

    def copy(self, source: str, target: str) -> None:
        self._ensure_there()
        with self._operation(source, target):
            if self._are_one_file(source, target):
                return
        super().copy(source, target)

    async def copy_async(self, source: str, target: str) -> None:
        await asyncio.to_thread(self.copy, source, target)

    def rename(self, source: str, target: str) -> None:
        self._ensure_there()
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

    @contextmanager
    def _operation(self, *keys: str) -> Iterator[None]:
        try:
            with super()._operation(*keys):
                yield
        except ObjectMissingError:
            self._ensure_there()
            raise

    def _ensure_there(self) -> None:
        if not (self._folder / _MARK).is_dir():
            raise StorageUnavailableError(f"The storage folder {self._folder} is not there: is its disk mounted?")

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

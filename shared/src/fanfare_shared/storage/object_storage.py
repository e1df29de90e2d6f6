"""The port over obstore, as far as a local folder and a bucket are alike."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, TypedDict

import obstore
from obstore.store import GCSStore, LocalStore, S3Store

from fanfare_shared.errors import StorageUnavailableError
from fanfare_shared.storage.faults import as_ours
from fanfare_shared.storage.forks import bind_to_this_process
from fanfare_shared.storage.keys import checked, checked_prefix
from fanfare_shared.storage.port import Buffer, Link, StoredObject
from fanfare_shared.storage.uploads import AsyncSource, read_in_a_thread

if TYPE_CHECKING:  # the names are obstore's stubs' only
    from obstore import Attributes, ObjectMeta

# A multipart upload's parts: the least that S3 takes, so that a slow line carries those under way within the time-out.
# 10,000 are S3's most: an object may have 50 GB.
PART_BYTES = 5 * 1024 * 1024
_PARTS_AT_ONCE = 2
STREAM_BYTES = 1024 * 1024
# A folder that holds nothing: to list it asks whether the bucket is there and ours, at no cost.
_PROBE = ".ready/"
# What S3 and GCS give, and S3 deletes, in one request.
_PAGE = 1000


class UploadOptions(TypedDict, total=False):
    attributes: "Attributes"
    chunk_size: int
    max_concurrency: int


class ObjectStorage:
    """What `port.Storage` says. Subclasses: `local_folder.LocalFolder`, `bucket.Bucket`."""

    def __init__(self, store: LocalStore | S3Store | GCSStore) -> None:
        bind_to_this_process()
        self._store = store

    def put(self, key: str, data: Buffer | Iterable[Buffer], media_type: str, *, durable: bool = True) -> None:
        with self._operation(key), nullcontext(data) if isinstance(data, Buffer) else read_in_a_thread(data) as body:
            obstore.put(self._store, key, body, **self._upload(media_type))
        if durable:
            self._make_durable(key)

    async def put_async(
        self, key: str, data: Buffer | AsyncIterable[Buffer], media_type: str, *, durable: bool = True
    ) -> None:
        with self._operation(key):
            if isinstance(data, Buffer):
                await obstore.put_async(self._store, key, data, **self._upload(media_type))
            else:
                source = AsyncSource(data)
                await source.feed(obstore.put_async(self._store, key, source, **self._upload(media_type)))
        if durable:
            await self._make_durable_async(key)

    def get(self, key: str) -> bytes:
        with self._operation(key):
            return obstore.get(self._store, key).bytes().to_bytes()

    async def get_async(self, key: str) -> bytes:
        with self._operation(key):
            answer = await obstore.get_async(self._store, key)
            return (await answer.bytes_async()).to_bytes()

    def get_range(self, key: str, start: int, end: int) -> bytes:
        try:
            with self._operation(key):
                return obstore.get_range(self._store, key, start=start, end=end).to_bytes()
        except StorageUnavailableError:
            # How a range is refused that begins after the end is each storage's own affair.
            if start < self.head(key).size:
                raise
            return b""

    async def get_range_async(self, key: str, start: int, end: int) -> bytes:
        try:
            with self._operation(key):
                return (await obstore.get_range_async(self._store, key, start=start, end=end)).to_bytes()
        except StorageUnavailableError:
            # How a range is refused that begins after the end is each storage's own affair.
            if start < (await self.head_async(key)).size:
                raise
            return b""

    def stream(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        stop = self.head(key).size if end is None else end
        for first in range(start, stop, STREAM_BYTES):
            yield self.get_range(key, first, min(first + STREAM_BYTES, stop))

    async def stream_async(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        stop = (await self.head_async(key)).size if end is None else end
        for first in range(start, stop, STREAM_BYTES):
            yield await self.get_range_async(key, first, min(first + STREAM_BYTES, stop))

    def head(self, key: str) -> StoredObject:
        with self._operation(key):
            return _stored(obstore.head(self._store, key))

    async def head_async(self, key: str) -> StoredObject:
        with self._operation(key):
            return _stored(await obstore.head_async(self._store, key))

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        with self._operation():
            for page in obstore.list(self._store, checked_prefix(prefix), chunk_size=_PAGE):
                for meta in page:
                    yield _stored(meta)

    def copy(self, source: str, target: str) -> None:
        if source == target:
            self.head(source)  # S3 refuses to copy onto itself
            return
        with self._operation(source, target):
            obstore.copy(self._store, source, target)

    async def copy_async(self, source: str, target: str) -> None:
        if source == target:
            await self.head_async(source)
            return
        with self._operation(source, target):
            await obstore.copy_async(self._store, source, target)

    def rename(self, source: str, target: str) -> None:
        if source == target:
            self.head(source)  # copied, then deleted, it would be gone
            return
        with self._operation(source, target):
            obstore.rename(self._store, source, target)

    async def rename_async(self, source: str, target: str) -> None:
        if source == target:
            await self.head_async(source)
            return
        with self._operation(source, target):
            await obstore.rename_async(self._store, source, target)

    def delete(self, keys: Iterable[str]) -> None:
        for some in _in_pages(keys):
            with self._operation():
                try:
                    obstore.delete(self._store, some)
                except FileNotFoundError:
                    # One of them is gone already, and the rest may not have been looked at.
                    for key in some:
                        with suppress(FileNotFoundError):
                            obstore.delete(self._store, key)

    async def delete_async(self, keys: Iterable[str]) -> None:
        for some in _in_pages(keys):
            with self._operation():
                try:
                    await obstore.delete_async(self._store, some)
                except FileNotFoundError:
                    for key in some:
                        with suppress(FileNotFoundError):
                            await obstore.delete_async(self._store, key)

    def ensure_ready(self) -> None:
        with self._operation():
            next(obstore.list(self._store, _PROBE, chunk_size=1), None)

    async def ensure_ready_async(self) -> None:
        with self._operation():
            await anext(obstore.list(self._store, _PROBE, chunk_size=1), None)

    def remove_unfinished(self, before: datetime) -> int:  # noqa: ARG002 - a bucket's lifecycle rule does it
        return 0

    def upload_link(self, key: str, seconds: int, *, size: int, media_type: str) -> Link | None:  # noqa: ARG002 - the port's
        checked(key)
        return None

    def download_link(self, key: str, seconds: int, *, filename: str, media_type: str) -> Link | None:  # noqa: ARG002 - the port's
        checked(key)
        return None

    @contextmanager
    def _operation(self, *keys: str) -> Iterator[None]:
        """Around every operation: the process and the keys are checked, obstore's errors become ours."""
        bind_to_this_process()
        for key in keys:
            checked(key)
        with as_ours(*keys[:1]):
            yield

    def _upload(self, media_type: str) -> UploadOptions:
        return {
            "attributes": {"Content-Type": media_type},
            "chunk_size": PART_BYTES,
            "max_concurrency": _PARTS_AT_ONCE,
        }

    def _make_durable(self, key: str) -> None:
        """A bucket's objects are, once it said so."""

    async def _make_durable_async(self, key: str) -> None: ...


def _stored(meta: "ObjectMeta") -> StoredObject:
    return StoredObject(
        key=meta["path"],
        size=meta["size"],
        etag=(meta["e_tag"] or "").strip('"'),
        last_modified=meta["last_modified"],
    )


def _in_pages(keys: Iterable[str]) -> Iterator[Sequence[str]]:
    remaining = iter(keys)
    while page := [checked(key) for key in islice(remaining, _PAGE)]:
        yield page

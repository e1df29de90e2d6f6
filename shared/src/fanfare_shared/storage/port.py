"""The port: what Fanfare asks of a storage. Keys are ours (see `keys.py`), never a client's names.

Every operation is there for synchronous processes (`put`) and for the api's loop (`put_async`). All of them raise
StorageUnavailableError when the storage does not answer: a request takes one and a half times
`FANFARE_STORAGE_TIMEOUT_SECONDS` at most, a streamed upload that fails as much again to take back what it sent. And all
raise StorageMisusedError for a key that is not one, or after a fork.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview


@dataclass(frozen=True)
class StoredObject:
    """`size` in bytes; `etag` without quotes, another one whenever the bytes are others; `last_modified` in UTC."""

    key: str
    size: int
    etag: str
    last_modified: datetime


@dataclass(frozen=True)
class Link:
    """A request that needs no API key until `expires_at`: its method, address, and the headers it must carry."""

    method: str
    url: str = field(repr=False)  # whoever has it may use it, so it does not get into a log
    headers: dict[str, str]
    expires_at: datetime


class Storage(Protocol):
    """One storage, open in this process. May be shared between threads and tasks."""

    def put(self, key: str, data: Buffer | Iterable[Buffer], media_type: str, *, durable: bool = True) -> None:
        """Stores all of `data` or nothing: no reader sees a part, and what `data` raises is raised and leaves nothing.

        An iterable of any length takes some 20 MiB of memory. `durable=False` saves the local folder the wait
        for the disk: for what can be made again, should the power fail.
        """
        ...

    async def put_async(
        self, key: str, data: Buffer | AsyncIterable[Buffer], media_type: str, *, durable: bool = True
    ) -> None: ...

    def get(self, key: str) -> bytes:
        """All of an object, for one that fits into memory. Raises ObjectMissingError."""
        ...

    async def get_async(self, key: str) -> bytes: ...

    def get_range(self, key: str, start: int, end: int) -> bytes:
        """The bytes from `start` up to `end`, which is left out; fewer where the object ends before. Raises
        ObjectMissingError.
        """
        ...

    async def get_range_async(self, key: str, start: int, end: int) -> bytes: ...

    def stream(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to `end` (None: the object's) in pieces of at most 1 MiB, each a request by
        itself: so a slow reader holds no connection. Raises ObjectMissingError, at the first piece at the latest.
        """
        ...

    def stream_async(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]: ...

    def head(self, key: str) -> StoredObject:
        """What is known of an object. Raises ObjectMissingError."""
        ...

    async def head_async(self, key: str) -> StoredObject: ...

    def delete(self, keys: Iterable[str]) -> None:
        """Deletes them all; one that is not there is deleted already."""
        ...

    async def delete_async(self, keys: Iterable[str]) -> None: ...

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Every object below a folder (`originals`, `originals/ab`), or all; fetched by pages. In no order to rely on.
        What is being written is not listed.
        """
        ...

    def copy(self, source: str, target: str) -> None:
        """Within the storage, without the bytes passing through here. Replaces `target`. Raises ObjectMissingError."""
        ...

    async def copy_async(self, source: str, target: str) -> None: ...

    def rename(self, source: str, target: str) -> None:
        """Like `copy`, and `source` is gone: at once in a local folder, in two steps elsewhere."""
        ...

    async def rename_async(self, source: str, target: str) -> None: ...

    def ensure_ready(self) -> None:
        """Raises StorageUnavailableError where the folder or bucket is not there, or not ours to use."""
        ...

    async def ensure_ready_async(self) -> None: ...

    def remove_unfinished(self, before: datetime) -> int:
        """Removes what killed processes left of uploads begun before then, which nobody sees; how many there were.
        S3 and GCS do that by a lifecycle rule of the bucket: 0.
        """
        ...

    def upload_link(self, key: str, seconds: int, *, size: int, media_type: str) -> Link | None:
        """A link that PUTs exactly `size` bytes as `media_type` into the storage, past us. None where the storage
        cannot say so itself: then the api takes the upload, by a link that `signed_links` signs.
        """
        ...

    def download_link(self, key: str, seconds: int, *, filename: str, media_type: str) -> Link | None:
        """A link that GETs the object as an attachment named so. None as with `upload_link`."""
        ...

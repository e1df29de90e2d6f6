"""A file on its way into storage: hashed, counted and looked at as it flows, with a piece of it in memory at a time.

Its key is written to `doomed_objects` before its first byte is stored, and taken from there by the transaction that makes
it an image's: whatever happens in between, whoever removes doomed objects removes it.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.runtime import Runtime
from fanfare_api.uploads.sniffing import media_type_of
from fanfare_shared.errors import ImageEmptyError, ImageTooLargeError, UnavailableError
from fanfare_shared.images.sniffing import HEAD_BYTES
from fanfare_shared.logs import get_logger

log = get_logger(__name__)

# Up to here a file is stored by one request; what is longer is stored in parts, with up to 40 MiB in memory.
_WHOLE_BYTES = 4 * 1024 * 1024
SMALL_BYTES = 512 * 1024
"""Up to here a file waits for nobody: beyond, `FANFARE_API_UPLOADS` of them are in memory at a time."""

# Longer than any request lasts.
_DOOM = text("INSERT INTO doomed_objects (key, due_at) VALUES (:key, now() + interval '1 day')")
_FORGET = text("DELETE FROM doomed_objects WHERE key = ANY(:keys)")


@dataclass(frozen=True)
class StoredFile:
    """An object in storage that no image has yet. `digest` is its SHA-256, `size` in bytes."""

    key: str
    digest: bytes
    size: int
    media_type: str


class Receiver:
    """Stores files. Left by an error, it takes back what it has stored, and first what `session` has not committed: that may
    hold the rows of what is to go.
    """

    def __init__(self, runtime: Runtime, session: AsyncSession) -> None:
        self._runtime = runtime
        self._session = session
        self._keys: list[str] = []

    def unused(self, kept: Iterable[str]) -> list[str]:
        """The keys that were made and are not among `kept`."""
        return sorted(set(self._keys) - set(kept))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if kind is not None and self._keys:
            await asyncio.shield(self._take_back())

    async def _take_back(self) -> None:
        await self._session.rollback()
        await discard(self._runtime, self._keys)

    async def store(self, data: AsyncIterator[bytes]) -> StoredFile:
        """Reads `data` to its end and stores it under a new key.

        Raises ImageEmptyError, ImageTypeUnsupportedError or ImageTooLargeError, having stored nothing, and
        StorageUnavailableError. `data` may be left unread then.
        """
        incoming = _Incoming(data, self._runtime.settings.image_max_bytes)
        async with AsyncExitStack() as slot:
            await incoming.read_up_to(SMALL_BYTES)
            if not incoming.ended:
                await slot.enter_async_context(self._runtime.uploads)
                await incoming.read_up_to(_WHOLE_BYTES)
            if not incoming.size:
                raise ImageEmptyError("The file has no bytes")
            media_type = media_type_of(incoming.head)
            key = await self.new_key()
            storage = self._runtime.storage()
            await storage.put_async(key, incoming.taken() if incoming.ended else incoming.rest(), media_type)
        return StoredFile(key, incoming.digest, incoming.size, media_type)

    async def take_over(self, source: str, size: int) -> StoredFile:
        """An object that its uploader could still change, copied to where nobody can, and then looked at.

        Raises as `store`, and ObjectMissingError.
        """
        if not size:
            raise ImageEmptyError("The file has no bytes")
        key = await self.new_key()
        storage = self._runtime.storage()
        await storage.copy_async(source, key)
        incoming = _Incoming(storage.stream_async(key), self._runtime.settings.image_max_bytes)
        async for _ in incoming.rest():
            pass
        return StoredFile(key, incoming.digest, incoming.size, media_type_of(incoming.head))

    async def new_key(self) -> str:
        """A key for an original, doomed until an image has it."""
        name = uuid4().hex
        key = f"originals/{name[:2]}/{name}"
        async with self._runtime.sessions.begin() as session:
            await session.execute(_DOOM, {"key": key})
        self._keys.append(key)
        return key


async def discard(runtime: Runtime, keys: Iterable[str]) -> None:
    """Removes doomed objects now, best effort: what it cannot, the sweep does when they are due."""
    doomed = list(keys)
    if not doomed:
        return
    with suppress(UnavailableError, SQLAlchemyError):
        await runtime.storage().delete_async(doomed)
        async with runtime.sessions.begin() as session:
            await session.execute(_FORGET, {"keys": doomed})
        return
    log.info("objects left for the sweep to remove", count=len(doomed))


class _Incoming:
    """A file's bytes, hashed and counted as they pass."""

    def __init__(self, data: AsyncIterator[bytes], max_bytes: int) -> None:
        self._data = data
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()
        self._taken: list[bytes] = []
        self.head = b""
        self.size = 0
        self.ended = False

    @property
    def digest(self) -> bytes:
        return self._hash.digest()

    def taken(self) -> bytes:
        """What was read, in one piece; it is let go of here."""
        whole = b"".join(self._taken)
        self._taken.clear()
        return whole

    async def read_up_to(self, size: int) -> None:
        while self.size < size and (piece := await self._next()) is not None:
            self._taken.append(piece)

    async def rest(self) -> AsyncIterator[bytes]:
        """What was read already, then what comes. Raises ImageTooLargeError."""
        if self._taken:
            yield self.taken()
        while (piece := await self._next()) is not None:
            yield piece

    async def _next(self) -> bytes | None:
        piece = await anext(self._data, None)
        if piece is None:
            self.ended = True
            return None
        self.size += len(piece)
        if self.size > self._max_bytes:
            raise ImageTooLargeError(f"A file may have {self._max_bytes:,} bytes at most")
        self._hash.update(piece)
        if len(self.head) < HEAD_BYTES:
            self.head += piece[: HEAD_BYTES - len(self.head)]
        return piece

"""The bytes of a resumable upload: each piece an object, recorded as it is stored, so that nothing recorded is ever lost.

A piece is recorded only where the upload still stands at the piece's offset. So any replica may take the next one, and of
two clients at the same offset one wins.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from uuid import uuid4

import orjson
from sqlalchemy import text

from fanfare_api.runtime import Runtime
from fanfare_api.uploads.receiving import SMALL_BYTES, discard
from fanfare_api.uploads.repository import parts_of
from fanfare_api.uploads.sniffing import media_type_of
from fanfare_shared.db.tables import Upload
from fanfare_shared.errors import InvalidRequestError, PayloadTooLargeError, UploadOffsetError
from fanfare_shared.images.sniffing import HEAD_BYTES

# What is in memory of an upload, and what has to be sent again when an api dies.
_PIECE_BYTES = 8 * 1024 * 1024
_MAX_PARTS = 2000

_DOOM = text("INSERT INTO doomed_objects (key, due_at) VALUES (:key, now() + interval '1 day')")
_RECORD = text("""
WITH recorded AS (
    UPDATE uploads SET received = received + :size,
           state = jsonb_set(state, '{parts}', (state -> 'parts') || CAST(:part AS jsonb)), updated_at = now()
    WHERE id = :id AND received = :offset AND completed_at IS NULL AND expires_at > now()
    RETURNING id
), spared AS (
    DELETE FROM doomed_objects WHERE key = :key AND EXISTS (SELECT FROM recorded)
)
SELECT id FROM recorded
""")


@dataclass
class Appending:
    """One request's bytes for an upload. `offset`: what is recorded; `last`: what completes the upload, not yet stored."""

    runtime: Runtime
    upload: Upload
    offset: int
    last: bytes | None = None
    _pieces: list[bytes] = field(default_factory=list)
    _buffered: int = 0

    async def take(self, data: AsyncIterator[bytes]) -> None:
        """Records piece after piece; a body that ends early is as good as one that ends there.

        Raises UploadOffsetError where another was quicker, PayloadTooLargeError for more than the upload's length,
        ImageTypeUnsupportedError where the first piece is no image's.
        """
        size = self.upload.size or 0
        async with AsyncExitStack() as slot:
            has_slot = False
            async for chunk in data:
                self._pieces.append(chunk)
                self._buffered += len(chunk)
                if self.offset + self._buffered > size:
                    raise PayloadTooLargeError(f"The upload has {size:,} bytes, and more were sent")
                if self._buffered > SMALL_BYTES and not has_slot:
                    await slot.enter_async_context(self.runtime.uploads)
                    has_slot = True
                if self._buffered >= _PIECE_BYTES and self.offset + self._buffered < size:
                    await self._store()
            if self.offset + self._buffered == size:
                self.last = b"".join(self._pieces)
            elif self._buffered:
                await self._store()

    async def whole(self) -> AsyncIterator[bytes]:
        """The file, from its first recorded piece to the last one."""
        storage = self.runtime.storage()
        for part in parts_of(self.upload):
            async for chunk in storage.stream_async(part["key"], 0, part["size"]):
                yield chunk
        if self.last:
            yield self.last

    async def _store(self) -> None:
        piece = b"".join(self._pieces)
        self._pieces.clear()
        self._buffered = 0
        if self.offset == 0 and len(piece) >= HEAD_BYTES:
            media_type_of(piece[:HEAD_BYTES])
        if len(parts_of(self.upload)) >= _MAX_PARTS:
            raise InvalidRequestError(f"The upload came in over {_MAX_PARTS:,} pieces: begin again with larger ones")
        part = {"key": f"{self.upload.key}/{self.offset:012d}-{uuid4().hex[:8]}", "size": len(piece)}
        async with self.runtime.sessions.begin() as session:
            await session.execute(_DOOM, {"key": part["key"]})
        await self.runtime.storage().put_async(str(part["key"]), piece, "application/octet-stream")
        values = {
            "id": self.upload.id,
            "offset": self.offset,
            "size": len(piece),
            "part": orjson.dumps([part]).decode(),
            "key": part["key"],
        }
        async with self.runtime.sessions.begin() as session:
            recorded = (await session.execute(_RECORD, values)).scalar()
        if recorded is None:
            await discard(self.runtime, [str(part["key"])])
            raise UploadOffsetError("Another request was quicker: ask with HEAD where the upload stands")
        parts_of(self.upload).append(part)
        self.offset += len(piece)

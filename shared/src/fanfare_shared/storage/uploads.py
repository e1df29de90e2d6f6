"""What an upload of unknown length is read from: pieces of a useful size, and an end that leaves nothing behind."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager, suppress
from contextvars import copy_context
from typing import Self

from obstore.exceptions import BaseError

from fanfare_shared.storage.port import Buffer

# A piece crosses from Python into obstore at some 100 µs, whatever its size.
_PIECE_BYTES = 1024 * 1024


@contextmanager
def read_in_a_thread(data: Iterable[Buffer]) -> Iterator[Iterator[bytes]]:
    """The data in pieces for obstore's `put`, read by a thread of its own.

    `put` asks for the next piece from inside its own event loop, and there no other operation of obstore can run: data
    that is itself read from storage, as an archive's is, would end the process's upload with a panic.
    """
    pieces = _joined(data)
    context = copy_context()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="upload-source") as thread:

        def following() -> bytes:
            return next(pieces, b"")

        def read() -> Iterator[bytes]:
            while piece := thread.submit(context.run, following).result():
                yield piece

        try:
            yield read()
        finally:
            thread.submit(context.run, pieces.close).result()


def _joined(data: Iterable[Buffer]) -> Generator[bytes, None, None]:
    joining = _Joining()
    for piece in data:
        if joining.add(piece):
            yield joining.take()
    if joining.size:
        yield joining.take()


class _Joining:
    """Small pieces until they make a useful one, copied once. A source may use its buffer again after `add`."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def add(self, piece: Buffer) -> bool:
        """Whether it is enough."""
        self._pieces.append(bytes(piece))
        self.size += len(piece)
        return self.size >= _PIECE_BYTES

    def take(self) -> bytes:
        joined = b"".join(self._pieces)
        self._pieces, self.size = [], 0
        return joined


class AsyncSource:
    """The data in pieces for obstore's `put_async`.

    A cancelled `put_async` would leave a bucket the parts it has sent. So what is cancelled is the source: then the
    upload fails and takes them back.
    """

    def __init__(self, data: AsyncIterable[Buffer]) -> None:
        self._pieces = _joined_async(data)
        self._reading: asyncio.Task[object] | None = None
        self._cancelled = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._cancelled:
            raise asyncio.CancelledError
        self._reading = asyncio.current_task()
        try:
            return await anext(self._pieces)
        finally:
            self._reading = None

    async def feed(self, put: Awaitable[object]) -> None:
        """Waits for the `put_async` that reads this source."""
        upload = asyncio.ensure_future(put)
        async with aclosing(self._pieces):
            try:
                await asyncio.shield(upload)
            except asyncio.CancelledError:
                self._cancelled = True
                if self._reading is not None:
                    self._reading.cancel()
                with suppress(asyncio.CancelledError, BaseError):
                    await upload
                raise


async def _joined_async(data: AsyncIterable[Buffer]) -> AsyncGenerator[bytes, None]:
    joining = _Joining()
    async for piece in data:
        if joining.add(piece):
            yield joining.take()
    if joining.size:
        yield joining.take()

"""A body's bytes as lines, in flat memory: unpacked in bounded steps, and a line that never ends is not kept."""

import zlib
from collections.abc import Iterator

from fanfare_shared.errors import MalformedBodyError, PayloadTooLargeError

MAX_LINE_BYTES = 65_536
"""A token has at most 4,096 characters; with every other field at its longest a line has about 20,000 bytes."""

_STEP_BYTES = 262_144
_GZIP = 16 + zlib.MAX_WBITS


class Gunzip:
    """Unpacks gzip, of several members too, a step at a time. Raises MalformedBodyError for what is not gzip."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._begun = False

    def feed(self, packed: bytes) -> Iterator[bytes]:
        while packed:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP)
            self._begun = True
            try:
                yield self._member.decompress(packed, _STEP_BYTES)
            except zlib.error as error:
                raise MalformedBodyError("Content-Encoding is gzip, but the body is not") from error
            packed = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def finish(self) -> None:
        """Raises MalformedBodyError where the last member is cut off."""
        if self._begun and not self._member.eof:
            raise MalformedBodyError("The gzip body is cut off; nothing was changed")


class LineSplitter:
    """Lines with their numbers, from 1. A line that is too long is given as None, and its bytes are not kept."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._received = 0
        self._rest = b""
        self._skipping = False
        self._number = 0

    def feed(self, chunk: bytes) -> Iterator[tuple[int, bytes | None]]:
        """Raises PayloadTooLargeError when more than `max_bytes` came in all."""
        self._received += len(chunk)
        if self._received > self._max_bytes:
            raise PayloadTooLargeError(f"At most {self._max_bytes:,} bytes, unpacked: import in several parts")
        first, *more = chunk.split(b"\n")
        if not more:
            self._keep(first)
            return
        yield self._end_line(first)
        for line in more[:-1]:
            self._number += 1
            yield self._number, line if len(line) <= MAX_LINE_BYTES else None
        self._keep(more[-1])

    def finish(self) -> tuple[int, bytes | None] | None:
        """The last line, where the body does not end with a line break."""
        return self._end_line(b"") if self._rest or self._skipping else None

    def _keep(self, part: bytes) -> None:
        if self._skipping:
            return
        self._rest += part
        if len(self._rest) > MAX_LINE_BYTES:
            self._rest, self._skipping = b"", True

    def _end_line(self, part: bytes) -> tuple[int, bytes | None]:
        self._keep(part)
        line = None if self._skipping else self._rest
        self._rest, self._skipping = b"", False
        self._number += 1
        return self._number, line

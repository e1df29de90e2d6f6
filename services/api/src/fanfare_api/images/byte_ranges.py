"""`Range` of one part (RFC 9110, section 14). Several parts, or what cannot be read, are answered by the whole."""

import re
from dataclasses import dataclass

from fanfare_shared.errors import RangeNotSatisfiableError

_ONE_PART = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True)
class ByteRange:
    """From `start` up to `end`, which is left out, of `size` bytes."""

    start: int
    end: int
    size: int

    @property
    def is_whole(self) -> bool:
        return (self.start, self.end) == (0, self.size)

    @property
    def content_range(self) -> str:
        return f"bytes {self.start}-{self.end - 1}/{self.size}"


def requested_range(header: str | None, size: int) -> ByteRange:
    """Raises RangeNotSatisfiableError where the range holds no byte."""
    match = _ONE_PART.fullmatch(header.strip()) if header is not None else None
    if match is None or match.groups() == ("", ""):
        return ByteRange(0, size, size)
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return ByteRange(0, size, size)
    if start >= end:
        raise RangeNotSatisfiableError(f"There are {size:,} bytes")
    return ByteRange(start, end, size)

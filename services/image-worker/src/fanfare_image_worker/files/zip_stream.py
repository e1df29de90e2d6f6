"""A ZIP as it grows: stored, for images are compressed already, and with a piece of one file in memory at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from zipfile import ZIP_STORED, ZipFile, ZipInfo

# From here on a file's sizes do not fit the old header.
_ZIP64_BYTES = 2**31 - 1
_FIRST_YEAR, _LAST_YEAR = 1980, 2107
_MODE = 0o644


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the archive. `size` in bytes, as far as it is known beforehand."""

    path: str
    moment: datetime
    size: int
    pieces: Iterable[bytes]


def zipped(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The archive's bytes. What `entries` and their pieces raise is raised."""
    sink = _Sink()
    with ZipFile(sink, "w", ZIP_STORED) as archive:
        for entry in entries:
            info = ZipInfo(entry.path, _date_time(entry.moment))
            info.external_attr = _MODE << 16
            with archive.open(info, "w", force_zip64=entry.size > _ZIP64_BYTES) as member:
                for piece in entry.pieces:
                    member.write(piece)
                    yield sink.taken()
    yield sink.taken()


def _date_time(moment: datetime) -> tuple[int, int, int, int, int, int]:
    year = min(max(moment.year, _FIRST_YEAR), _LAST_YEAR)
    return year, moment.month, moment.day, moment.hour, moment.minute, moment.second


class _Sink:
    """What zipfile writes to: it cannot seek, so each file's sizes follow it."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """There is nothing to close."""

    def taken(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken

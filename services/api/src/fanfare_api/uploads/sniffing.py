"""Whether a file can be an image, by its first bytes: never by its name or by what the client says."""

from fanfare_shared.errors import ImageTypeUnsupportedError
from fanfare_shared.images.formats import FACTS, ImageFormat
from fanfare_shared.images.sniffing import sniff

# What people take for an image, and is none that is taken here.
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"II+\0", "BigTIFF"),
    (b"MM\0+", "BigTIFF"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"%PDF-", "PDF"),
    (b"<svg", "SVG"),
)
_BEFORE_MARKUP = b"\xef\xbb\xbf \t\r\n"
"""A byte order mark and white space."""


def media_type_of(head: bytes) -> str:
    """The media type of a file that begins so. Raises ImageTypeUnsupportedError, naming what it is where that is known."""
    image_format = sniff(head)
    if image_format is not None:
        return FACTS[image_format].media_type
    other = _other(head)
    what = f"This file is {other}" if other is not None else "These are no image's bytes"
    taken = ", ".join(known.value.upper() for known in ImageFormat)
    raise ImageTypeUnsupportedError(f"{what}; send one of {taken}")


def _other(head: bytes) -> str | None:
    head = head.lstrip(_BEFORE_MARKUP)
    for start, name in _OTHERS:
        if head.startswith(start):
            return name
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "BMP"
    return "SVG" if head.startswith(b"<?xml") and b"<svg" in head else None

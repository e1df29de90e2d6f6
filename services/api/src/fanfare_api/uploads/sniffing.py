"""Which image a file is, by its first bytes: never by its name or by what the client says."""

from fanfare_shared.errors import ImageTypeUnsupportedError
from fanfare_shared.images.formats import FACTS, ImageFormat

HEAD_BYTES = 64
"""What is looked at, at most."""

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
    (b"\xff\x0a", "jxl"),
    (b"%PDF-", "pdf"),
)
# The brands of ISO base media files (ISO/IEC 23000-22, AV1 Image File Format). `mif1` says only that it is an image.
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})


def media_type_of(head: bytes) -> str:
    """The media type of a file that begins so. Raises ImageTypeUnsupportedError, naming what it is where that is known."""
    kind = _kind(head)
    try:
        return FACTS[ImageFormat(kind or "")].media_type
    except ValueError:
        taken = ", ".join(image_format.value.upper() for image_format in ImageFormat)
        what = f"This is a {kind.upper()} file" if kind else "These are no image's bytes"
        raise ImageTypeUnsupportedError(f"{what}; send one of {taken}") from None


def _kind(head: bytes) -> str | None:
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _kind_of_media_file(head)
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "bmp"
    return "svg" if head.lstrip()[:4] == b"<svg" else None


def _kind_of_media_file(head: bytes) -> str | None:
    """By its brands: the major one, and after the version those it is compatible with."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12]} | {head[at : at + 4] for at in range(16, end - 3, 4)}
    if brands & _AVIF_BRANDS:
        return "avif"
    return "heic" if brands & _HEIC_BRANDS else None

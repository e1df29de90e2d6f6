"""What a file is, by its first bytes: never by its name or by what its sender says."""

from fanfare_shared.images.formats import ImageFormat

HEAD_BYTES = 32
"""As many of a file's first bytes as `sniff` looks at."""

_MAGIC: tuple[tuple[bytes, ImageFormat], ...] = (
    (b"\xff\xd8\xff", ImageFormat.JPEG),
    (b"\x89PNG\r\n\x1a\n", ImageFormat.PNG),
    (b"GIF87a", ImageFormat.GIF),
    (b"GIF89a", ImageFormat.GIF),
    (b"II*\x00", ImageFormat.TIFF),
    (b"MM\x00*", ImageFormat.TIFF),
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"})
# A container that names its codec among the compatible brands only.
_HEIF_BRANDS = frozenset({b"mif1", b"msf1"})


def sniff(head: bytes) -> ImageFormat | None:
    """The format of a file that begins with `head`; None for anything that is not taken, HEIC too."""
    for magic, image_format in _MAGIC:
        if head.startswith(magic):
            return image_format
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ImageFormat.WEBP
    return ImageFormat.AVIF if _brands(head) & _AVIF_BRANDS else None


def is_heic(head: bytes) -> bool:
    """Whether the file is a HEIC photo, which is refused by that name."""
    brands = _brands(head)
    return bool(brands & _HEIC_BRANDS) or (bool(brands & _HEIF_BRANDS) and not brands & _AVIF_BRANDS)


def _brands(head: bytes) -> frozenset[bytes]:
    if head[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(head[:4]), len(head), HEAD_BYTES)
    return frozenset({head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))})

"""What a file's first bytes say."""

import pytest

from fanfare_shared.images.formats import ImageFormat
from fanfare_shared.images.sniffing import HEAD_BYTES, sniff


def ftyp(*brands: bytes) -> bytes:
    major, *compatible = brands
    content = b"ftyp" + major + bytes(4) + b"".join(compatible)
    return (len(content) + 4).to_bytes(4) + content + b"\0\0\0\x28meta"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", ImageFormat.JPEG),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", ImageFormat.PNG),
        (b"GIF87a\1\0\1\0", ImageFormat.GIF),
        (b"GIF89a\1\0\1\0", ImageFormat.GIF),
        (b"RIFF\x24\0\0\0WEBPVP8 ", ImageFormat.WEBP),
        (b"II*\0\x08\0\0\0", ImageFormat.TIFF),
        (b"MM\0*\0\0\0\x08", ImageFormat.TIFF),
        (ftyp(b"avif", b"mif1", b"miaf"), ImageFormat.AVIF),
        (ftyp(b"mif1", b"avif"), ImageFormat.AVIF),
        (ftyp(b"heic", b"mif1", b"miaf"), ImageFormat.HEIC),
        (ftyp(b"mif1", b"heic"), ImageFormat.HEIC),
        (ftyp(b"isom", b"mp42"), None),
        (b"RIFF\x24\0\0\0WAVEfmt ", None),
        (b"<svg xmlns=", None),
        (b"%PDF-1.7", None),
        (b"PK\x03\x04", None),
        (b"This is a text", None),
        (b"\xff\xd8", None),
        (b"", None),
    ],
)
def test_the_first_bytes_tell_the_format(head: bytes, expected: ImageFormat | None) -> None:
    assert sniff(head) is expected
    assert sniff((head + bytes(100))[:HEAD_BYTES]) is expected


def test_a_brand_beyond_the_box_does_not_count() -> None:
    assert sniff(ftyp(b"isom")[:20] + b"avif" * 3) is None

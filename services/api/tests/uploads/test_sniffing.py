"""Which image a file is, by its first bytes."""

import pytest

from fanfare_api.uploads.sniffing import media_type_of
from fanfare_shared.errors import ImageTypeUnsupportedError
from fanfare_shared.images.sniffing import HEAD_BYTES


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\xff\xd8\xff\xdb", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
        (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1B", "image/avif"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "image/avif"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "image/heic"),
    ],
)
def test_an_image_is_known_by_how_it_begins(head: bytes, media_type: str) -> None:
    assert media_type_of(head) == media_type
    assert media_type_of((head + bytes(HEAD_BYTES))[:HEAD_BYTES]) == media_type


@pytest.mark.parametrize(
    ("head", "named"),
    [
        (b"<svg xmlns=", "SVG"),
        (b"  <svg", "SVG"),
        (b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns=', "SVG"),
        (b"II+\0\x08\0\0\0", "BigTIFF"),
        (b"%PDF-1.7", "PDF"),
        (b"BM\x10\0\0\0\0\0\0\0", "BMP"),
        (b"\xff\x0a", "JPEG XL"),
        (b"<?xml version", "no image"),
        (b"RIFF\x10\0\0\0WAVE", "no image"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isom", "no image"),
        (b"\0\0\0\0ftyp", "no image"),
        (b"BMW is a car", "no image"),
        (b"\xff\xd8", "no image"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1miaf", "no image"),
        (b"x", "no image"),
    ],
)
def test_what_is_not_taken_is_named_where_it_is_known(head: bytes, named: str) -> None:
    with pytest.raises(ImageTypeUnsupportedError, match=named):
        media_type_of(head)

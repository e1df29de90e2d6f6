"""Every file a worker must survive, with what becomes of it. Each is made when it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyvips

from fanfare_shared.errors import (
    ImageCorruptError,
    ImageEmptyError,
    ImageRejectedError,
    ImageTooManyFramesError,
    ImageTooManyPixelsError,
    ImageTypeUnsupportedError,
)
from harness.images.photos import jpeg, photo
from harness.images.pictures import animation, cornered_jpeg, corners, with_alpha
from harness.images.segments import exif, gif, png, webp, with_exif, with_icc, with_jpeg_sides, with_segment

_HEIC_FILES = Path(__file__).parent / "heic"

WIDTH, HEIGHT = 320, 240
"""Pixels of those that can be processed."""


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """`file_name` is what its sender calls it. `error`: what processing it raises; None where it succeeds."""

    file_name: str
    make: Callable[[], bytes]
    error: type[ImageRejectedError] | None = None

    @property
    def data(self) -> bytes:
        return _made(self.make)


@cache
def _made(make: Callable[[], bytes]) -> bytes:
    return make()


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _photo(seed: int = 7) -> pyvips.Image:
    return photo(WIDTH, HEIGHT, seed=seed)


def _sixteen_bit() -> pyvips.Image:
    return (corners(WIDTH, HEIGHT).cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")


def _cmyk() -> pyvips.Image:
    return corners(WIDTH, HEIGHT).icc_transform("cmyk", input_profile="srgb")


def _damaged_png() -> bytes:
    data = bytearray(_photo().pngsave_buffer())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(64)
    return bytes(data)


def _heic(name: str) -> bytes:
    """Kept as files: there is no encoder that is free of the GPL."""
    return (_HEIC_FILES / f"{name}.heic").read_bytes()


def _heic_of_size(width: int, height: int) -> bytes:
    """One that claims to be of another size."""
    data = _heic("corners")
    at = data.index(b"ispe") + 8
    return data[:at] + width.to_bytes(4) + height.to_bytes(4) + data[at + 8 :]


_ZIP = b"PK\x03\x04" + bytes(26) + b"PK\x05\x06" + bytes(18)
_HTML = b"<html><script>alert(document.cookie)</script></html>"
_SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'

HARMLESS: dict[str, CorpusFile] = {
    "jpeg": CorpusFile("photo.jpg", lambda: cornered_jpeg(WIDTH, HEIGHT)),
    "jpeg-progressive": CorpusFile("photo.jpg", lambda: corners(WIDTH, HEIGHT).jpegsave_buffer(interlace=True)),
    "jpeg-cmyk": CorpusFile("print.jpg", lambda: _cmyk().jpegsave_buffer(keep=0)),
    "jpeg-cmyk-icc": CorpusFile("print.jpg", lambda: _cmyk().jpegsave_buffer()),
    "jpeg-p3": CorpusFile(
        "phone.jpg", lambda: corners(WIDTH, HEIGHT).icc_transform("p3", input_profile="srgb").jpegsave_buffer()
    ),
    "jpeg-broken-exif": CorpusFile(
        "photo.jpg", lambda: with_exif(cornered_jpeg(WIDTH, HEIGHT), b"II*\0\xff\xff\xff\xff")
    ),
    "jpeg-exif-loop": CorpusFile(
        "photo.jpg",
        lambda: with_exif(
            cornered_jpeg(WIDTH, HEIGHT), exif()[:8] + b"\xff\xff" + b"\x69\x87\x04\0\x01\0\0\0\x08\0\0\0" * 9
        ),
    ),
    "jpeg-orientation-99": CorpusFile(
        "photo.jpg", lambda: with_exif(cornered_jpeg(WIDTH, HEIGHT), exif(orientation=99))
    ),
    "jpeg-broken-icc": CorpusFile("photo.jpg", lambda: with_icc(cornered_jpeg(WIDTH, HEIGHT), b"no profile" * 50)),
    "jpeg-zip": CorpusFile("photo.jpg", lambda: cornered_jpeg(WIDTH, HEIGHT) + _ZIP),
    "jpeg-html": CorpusFile("photo.jpg", lambda: cornered_jpeg(WIDTH, HEIGHT) + _HTML),
    "jpeg-html-comment": CorpusFile("photo.jpg", lambda: with_segment(cornered_jpeg(WIDTH, HEIGHT), 0xFE, _HTML)),
    "jpeg-named-png": CorpusFile("photo.png", lambda: cornered_jpeg(WIDTH, HEIGHT)),
    "jpeg-grey": CorpusFile("grey.jpg", lambda: _photo().colourspace("b-w").jpegsave_buffer()),
    "jpeg-lying-about-its-size": CorpusFile("photo.jpg", lambda: with_jpeg_sides(jpeg(64, 48), 4_000, 3_000)),
    "png": CorpusFile("drawing.png", lambda: corners(WIDTH, HEIGHT).pngsave_buffer()),
    "png-alpha": CorpusFile("logo.png", lambda: with_alpha(WIDTH, HEIGHT).pngsave_buffer()),
    "png-grey-alpha": CorpusFile("logo.png", lambda: with_alpha(WIDTH, HEIGHT).colourspace("b-w").pngsave_buffer()),
    "png-16-bit": CorpusFile("scan.png", lambda: _sixteen_bit().pngsave_buffer(bitdepth=16)),
    "png-palette": CorpusFile("icon.png", lambda: corners(WIDTH, HEIGHT).pngsave_buffer(palette=True)),
    "png-interlaced": CorpusFile("drawing.png", lambda: corners(WIDTH, HEIGHT).pngsave_buffer(interlace=True)),
    "tiff-16-bit": CorpusFile("scan.tif", lambda: _sixteen_bit().tiffsave_buffer(compression="deflate")),
    "webp": CorpusFile("photo.webp", lambda: corners(WIDTH, HEIGHT).webpsave_buffer(lossless=True)),
    "avif": CorpusFile("photo.avif", lambda: corners(WIDTH, HEIGHT).heifsave_buffer(compression="av1", effort=0, Q=90)),
    "heic": CorpusFile("phone.heic", lambda: _heic("corners")),
    "heic-alpha": CorpusFile("phone.heic", lambda: _heic("alpha")),
    "heic-rotated": CorpusFile("phone.heic", lambda: _heic("rotated")),
    "gif": CorpusFile("icon.gif", lambda: corners(WIDTH, HEIGHT).gifsave_buffer()),
    "gif-animated": CorpusFile("party.gif", lambda: animation(WIDTH, HEIGHT).gifsave_buffer()),
    "webp-animated": CorpusFile("party.webp", lambda: animation(WIDTH, HEIGHT).webpsave_buffer(lossless=True)),
    "gif-html": CorpusFile("icon.gif", lambda: corners(WIDTH, HEIGHT).gifsave_buffer() + _HTML),
    **{
        f"jpeg-orientation-{number}": CorpusFile(
            "phone.jpg",
            lambda number=number: cornered_jpeg(WIDTH, HEIGHT, orientation=number),  # type: ignore[misc]
        )
        for number in range(1, 9)
    },
}
"""What succeeds."""

HOSTILE: dict[str, CorpusFile] = {
    "empty": CorpusFile("photo.jpg", lambda: b"", ImageEmptyError),
    "one-byte": CorpusFile("photo.jpg", lambda: b"\xff", ImageTypeUnsupportedError),
    "text": CorpusFile("photo.jpg", lambda: b"This is no photo.\n" * 500, ImageTypeUnsupportedError),
    "html": CorpusFile("photo.jpg", lambda: _HTML, ImageTypeUnsupportedError),
    "zip": CorpusFile("photo.jpg", lambda: _ZIP, ImageTypeUnsupportedError),
    "zip-then-jpeg": CorpusFile("photo.jpg", lambda: _ZIP + jpeg(64, 48), ImageTypeUnsupportedError),
    "svg": CorpusFile("logo.svg", lambda: _SVG, ImageTypeUnsupportedError),
    "svg-named-png": CorpusFile("logo.png", lambda: _SVG, ImageTypeUnsupportedError),
    "pdf": CorpusFile("photo.jpg", lambda: b"%PDF-1.7\n" + bytes(500), ImageTypeUnsupportedError),
    "ppm": CorpusFile("photo.ppm", lambda: b"P6 2 2 255\n" + bytes(12), ImageTypeUnsupportedError),
    "heic-magic-only": CorpusFile(
        "phone.heic", lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500), ImageCorruptError
    ),
    "heic-truncated": CorpusFile("phone.heic", lambda: _half(_heic("corners")), ImageCorruptError),
    "heic-without-size": CorpusFile("phone.heic", lambda: _heic_of_size(0, 240), ImageCorruptError),
    "heic-bomb": CorpusFile("bomb.heic", lambda: _heic_of_size(30_000, 30_000), ImageTooManyPixelsError),
    "jpeg-truncated": CorpusFile("photo.jpg", lambda: _half(_photo().jpegsave_buffer()), ImageCorruptError),
    "jpeg-progressive-truncated": CorpusFile(
        "photo.jpg", lambda: _half(_photo().jpegsave_buffer(interlace=True)), ImageCorruptError
    ),
    "jpeg-magic-only": CorpusFile("photo.jpg", lambda: b"\xff\xd8\xff\xe0" + bytes(100), ImageCorruptError),
    "png-truncated": CorpusFile("photo.png", lambda: _half(_photo().pngsave_buffer()), ImageCorruptError),
    "png-damaged": CorpusFile("photo.png", _damaged_png, ImageCorruptError),
    "png-magic-only": CorpusFile("photo.png", lambda: b"\x89PNG\r\n\x1a\n" + bytes(100), ImageCorruptError),
    "webp-truncated": CorpusFile("photo.webp", lambda: _half(_photo().webpsave_buffer()), ImageCorruptError),
    "gif-truncated": CorpusFile("photo.gif", lambda: _half(_photo().gifsave_buffer(effort=1)), ImageCorruptError),
    "gif-animated-truncated": CorpusFile(
        "party.gif", lambda: _half(animation(WIDTH, HEIGHT).gifsave_buffer()), ImageCorruptError
    ),
    "avif-truncated": CorpusFile(
        "photo.avif", lambda: _half(_photo().heifsave_buffer(compression="av1", effort=0)), ImageCorruptError
    ),
    "tiff-truncated": CorpusFile("scan.tif", lambda: _half(_photo().tiffsave_buffer()), ImageCorruptError),
    "png-bomb": CorpusFile("bomb.png", lambda: png(25_000, 25_000), ImageTooManyPixelsError),
    "webp-bomb": CorpusFile("bomb.webp", lambda: webp(16_383, 16_383), ImageTooManyPixelsError),
    "gif-pixel-bomb": CorpusFile("bomb.gif", lambda: gif(65_535, 65_535, 1), ImageTooManyPixelsError),
    "gif-frame-bomb": CorpusFile("bomb.gif", lambda: gif(10, 10, 20_000), ImageTooManyFramesError),
    "gif-frames-by-pixels-bomb": CorpusFile("bomb.gif", lambda: gif(3_000, 3_000, 400), ImageTooManyPixelsError),
    "png-65535-wide": CorpusFile("line.png", lambda: png(65_535, 2), ImageTooManyPixelsError),
    "png-65535-high": CorpusFile("line.png", lambda: png(2, 65_535), ImageTooManyPixelsError),
    "jpeg-65535-sides": CorpusFile(
        "huge.jpg", lambda: with_jpeg_sides(jpeg(64, 48), 65_535, 65_535), ImageTooManyPixelsError
    ),
}
"""What is refused, each with its error."""

CORPUS = HARMLESS | HOSTILE

"""What an image is, read from its header: nothing is decoded."""

from dataclasses import dataclass
from pathlib import Path

import pyvips

from fanfare_image_worker.engine.faults import told
from fanfare_image_worker.engine.gif import is_whole
from fanfare_image_worker.engine.heic import bands_of, open_heic
from fanfare_image_worker.engine.limits import Limits
from fanfare_image_worker.engine.price import price_of
from fanfare_shared.errors import ImageCorruptError, ImageTypeUnsupportedError
from fanfare_shared.images.formats import FACTS, ImageFormat
from fanfare_shared.images.sniffing import HEAD_BYTES, sniff

Data = bytes | Path
"""An original: its bytes, or a local file that holds them."""

LOAD_OPTIONS = "[fail_on=error]"
"""Fails where the data ends early or is broken; a warning (stray bytes between markers) does not spoil a photo.

As options in a string: vips_thumbnail ignores its own argument of that name (8.18).
"""

_SIDEWAYS = range(5, 9)
"""EXIF's orientations that swap width and height."""


@dataclass(frozen=True, slots=True)
class Header:
    """`width` and `height` are pixels as shown, after `orientation` (EXIF's 1 to 8). `pages`: an animation's frames, else 1.

    `price`: bytes of memory, or their worth in time, that decoding takes. `is_progressive`: JPEG in scans, interlaced PNG.
    """

    format: ImageFormat
    media_type: str
    width: int
    height: int
    pages: int
    has_alpha: bool
    orientation: int
    is_progressive: bool
    is_cmyk: bool
    price: int

    @property
    def is_animated(self) -> bool:
        return self.pages > 1

    def is_heavy(self, limit: int) -> bool:
        """Whether decoding costs more than `limit` bytes."""
        return self.price > limit


def source_of(data: Data) -> pyvips.Source:
    """Without a copy of the bytes; and a file's name is never read as libvips' options, which `new_from_file` does."""
    if isinstance(data, Path):
        return pyvips.Source.new_from_file(str(data))
    return pyvips.Source.new_from_memory(data)


def inspect(data: Data, limits: Limits | None = None) -> Header:
    """The header of an image that is within `limits`.

    Raises ImageEmptyError, ImageTypeUnsupportedError, ImageCorruptError, ImageTooLargeError, ImageTooManyPixelsError or
    ImageTooManyFramesError.
    """
    limits = limits or Limits()
    size = data.stat().st_size if isinstance(data, Path) else len(data)
    limits.check_bytes(size)
    image_format = sniff(_head(data))
    if image_format is None:
        raise ImageTypeUnsupportedError
    if image_format is ImageFormat.HEIC:
        return _heic_header(data, size, limits)
    with told():
        image = pyvips.Image.new_from_source(source_of(data), LOAD_OPTIONS, access="sequential")
    if image_format is ImageFormat.GIF and not is_whole(data if isinstance(data, bytes) else data.read_bytes()):
        raise ImageCorruptError("The image is truncated or damaged: the GIF ends within a block")
    return _header(image, image_format, size, limits)


def _head(data: Data) -> bytes:
    if isinstance(data, Path):
        with data.open("rb") as file:
            return file.read(HEAD_BYTES)
    return data[:HEAD_BYTES]


def _heic_header(data: Data, size: int, limits: Limits) -> Header:
    photo = open_heic(data)
    width, height = photo.size
    limits.check_canvas(width, height, 1)
    return Header(
        format=ImageFormat.HEIC,
        media_type=FACTS[ImageFormat.HEIC].media_type,
        width=width,
        height=height,
        pages=1,
        has_alpha=photo.mode.endswith("A"),
        orientation=1,
        is_progressive=False,
        is_cmyk=False,
        price=price_of(ImageFormat.HEIC, size, width * height, bands_of(photo), is_progressive=False),
    )


def _header(image: pyvips.Image, image_format: ImageFormat, size: int, limits: Limits) -> Header:
    pages = _number(image, "n-pages", 1) if FACTS[image_format].is_animated else 1
    limits.check_canvas(image.width, image.height, pages)
    orientation = _number(image, "orientation", 1)
    if orientation not in range(1, 9):
        orientation = 1
    sides = (image.width, image.height)
    width, height = reversed(sides) if orientation in _SIDEWAYS else sides
    is_progressive = bool(_number(image, "interlaced", 0))
    return Header(
        format=image_format,
        media_type=FACTS[image_format].media_type,
        width=width,
        height=height,
        pages=pages,
        has_alpha=bool(image.hasalpha()),
        orientation=orientation,
        is_progressive=is_progressive,
        is_cmyk=image.interpretation == "cmyk",
        price=price_of(image_format, size, width * height * pages, _pixel_bytes(image), is_progressive=is_progressive),
    )


def _pixel_bytes(image: pyvips.Image) -> int:
    return int(image.bands) * (1 if image.format == "uchar" else 2 if image.format == "ushort" else 4)


def _number(image: pyvips.Image, field: str, default: int) -> int:
    """A whole number of the image's metadata; `default` where it has none, or something else by that name."""
    if image.get_typeof(field) == 0:
        return default
    value = image.get(field)
    return value if isinstance(value, int) else default

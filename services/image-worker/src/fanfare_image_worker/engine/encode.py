"""Writes a picture in a format. What is written is made anew: nothing of the original's bytes goes into it."""

from collections.abc import Callable

import pyvips

from fanfare_image_worker.engine.copyright import copyright_fields, with_only
from fanfare_image_worker.engine.faults import told
from fanfare_image_worker.engine.picture import Picture
from fanfare_shared.errors import ImageEncodeFailedError
from fanfare_shared.images.formats import ImageFormat
from fanfare_shared.images.pipeline import Metadata

_MAX_SIDES = {
    ImageFormat.JPEG: 65_500,
    ImageFormat.PNG: 65_500,
    ImageFormat.WEBP: 16_383,
    ImageFormat.AVIF: 16_384,
    ImageFormat.GIF: 65_535,
}
"""Pixels: what each format's encoder takes."""

_AVIF_EFFORT = 2
"""An 800x600 photo takes 0.16 s; at libvips' own 4 it takes 2 s and is 3% smaller (measured)."""

_GIF_EFFORT = 2
"""An 800x600 photo takes 0.24 s; at libvips' own 7 it takes 7 s and is 14% smaller (measured)."""

_WEBP_EFFORT = 4
_PNG_COMPRESSION = 6

# VipsForeignKeep.
_KEEP_NOTHING = 0
_KEEP_COPYRIGHT = 1 | 2  # EXIF, XMP

_SAVERS: dict[ImageFormat, Callable[[pyvips.Image, int, int], bytes]] = {
    ImageFormat.JPEG: lambda image, quality, keep: image.jpegsave_buffer(Q=quality, keep=keep),
    ImageFormat.PNG: lambda image, _, keep: image.pngsave_buffer(compression=_PNG_COMPRESSION, keep=keep),
    ImageFormat.WEBP: lambda image, quality, keep: image.webpsave_buffer(Q=quality, effort=_WEBP_EFFORT, keep=keep),
    ImageFormat.AVIF: lambda image, quality, keep: image.heifsave_buffer(
        compression="av1", Q=quality, effort=_AVIF_EFFORT, keep=keep
    ),
    ImageFormat.GIF: lambda image, _, keep: image.gifsave_buffer(effort=_GIF_EFFORT, keep=keep),
}


def encode(picture: Picture, written: ImageFormat, quality: int, metadata: Metadata) -> bytes:
    """The bytes of `picture`, whose transparency `written` must be able to hold.

    Raises ImageEncodeFailedError, or what decoding raises: lazy pixels are made here.
    """
    longest = max(picture.width, picture.height)
    if longest > _MAX_SIDES[written]:
        raise ImageEncodeFailedError(
            f"{written.value} holds {_MAX_SIDES[written]:,} pixels a side, the variant has {longest:,}: resize it"
        )
    image, keep = _with_metadata(_joined(picture), metadata)
    with told():
        return _SAVERS[written](image, quality, keep)


def _joined(picture: Picture) -> pyvips.Image:
    if len(picture.frames) == 1:
        return picture.frames[0]
    roll = pyvips.Image.arrayjoin(list(picture.frames), across=1).copy()
    roll.set_type(pyvips.GValue.gint_type, "page-height", picture.height)
    roll.set_type(pyvips.GValue.gint_type, "loop", picture.loops)
    if picture.delays:
        roll.set_type(pyvips.GValue.array_int_type, "delay", list(picture.delays))
    return roll


def _with_metadata(image: pyvips.Image, metadata: Metadata) -> tuple[pyvips.Image, int]:
    """The image, and libvips' `keep` flag."""
    texts = copyright_fields(image) if metadata is Metadata.COPYRIGHT else {}
    return (with_only(image, texts), _KEEP_COPYRIGHT) if texts else (image, _KEEP_NOTHING)

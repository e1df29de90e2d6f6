"""A text or an image laid over a variant."""

from collections.abc import Mapping
from dataclasses import replace
from html import escape
from pathlib import Path
from uuid import UUID

import pyvips

from fanfare_image_worker.engine.colour import rgb
from fanfare_image_worker.engine.faults import told
from fanfare_image_worker.engine.header import Data, inspect
from fanfare_image_worker.engine.limits import Limits
from fanfare_image_worker.engine.picture import Picture, decode
from fanfare_shared.errors import ImageEncodeFailedError
from fanfare_shared.images.pipeline import Position, Watermark

FONT_FILE = Path(__file__).with_name("fonts") / "DejaVuSans.ttf"
_FONT = "DejaVu Sans"
_PIXELS_ARE_POINTS = 72
"""Dots an inch at which a font's size in points is its height in pixels."""
_MEASURING_SIZE = 100

# Which part of the room that is left is before the mark, across and down.
_PLACES = {
    Position.TOP_LEFT: (0.0, 0.0),
    Position.TOP: (0.5, 0.0),
    Position.TOP_RIGHT: (1.0, 0.0),
    Position.LEFT: (0.0, 0.5),
    Position.CENTRE: (0.5, 0.5),
    Position.RIGHT: (1.0, 0.5),
    Position.BOTTOM_LEFT: (0.0, 1.0),
    Position.BOTTOM: (0.5, 1.0),
    Position.BOTTOM_RIGHT: (1.0, 1.0),
}


def marked(picture: Picture, watermark: Watermark, images: Mapping[UUID, Data], limits: Limits) -> Picture:
    """`picture` under its watermark, every frame alike. `images`: the originals that watermarks name.

    Raises ImageEncodeFailedError where the watermark's image is not there or cannot be read.
    """
    with told(otherwise=ImageEncodeFailedError):
        if watermark.text is not None:
            mark = _text(watermark, watermark.text, picture.width, picture.height)
        else:
            mark = _image(watermark, images, picture.width, picture.height, limits)
        layer = _layer(mark.copy_memory(), watermark, picture.width, picture.height)
        return replace(picture, frames=tuple(_over(frame, layer) for frame in picture.frames))


def _text(watermark: Watermark, text: str, width: int, height: int) -> pyvips.Image:
    """RGBA, no larger than the picture."""
    size = watermark.size
    if watermark.scale is not None:
        size = max(1, round(_MEASURING_SIZE * watermark.scale * width / _drawn(text, _MEASURING_SIZE).width))
    mask = _drawn(text, size)
    if mask.width > width or mask.height > height:
        mask = mask.thumbnail_image(width, height=height, size="down", no_rotate=True)
    solid = (pyvips.Image.black(mask.width, mask.height) + list(rgb(watermark.colour))).cast("uchar")
    return solid.copy(interpretation="srgb").bandjoin((mask * watermark.opacity).cast("uchar"))


def _drawn(text: str, size: int) -> pyvips.Image:
    """A mask of one band. The text is only text: libvips would read it as markup."""
    return pyvips.Image.text(
        escape(text, quote=False), font=f"{_FONT} {size}", fontfile=str(FONT_FILE), dpi=_PIXELS_ARE_POINTS
    )


def _image(watermark: Watermark, images: Mapping[UUID, Data], width: int, height: int, limits: Limits) -> pyvips.Image:
    """RGBA, no larger than the picture."""
    data = None if watermark.image_id is None else images.get(watermark.image_id)
    if data is None:
        raise ImageEncodeFailedError(f"The watermark's image {watermark.image_id} is not there")
    header = inspect(data, limits)
    wanted = round(watermark.scale * width) if watermark.scale is not None else header.width
    scale = min(wanted / header.width, width / header.width, height / header.height)
    sides = max(1, round(header.width * scale)), max(1, round(header.height * scale))
    image = decode(data, header, *sides, animated=False).frames[0].colourspace("srgb")
    if not image.hasalpha():
        image = image.bandjoin(255)
    return image * [1, 1, 1, watermark.opacity]


def _layer(mark: pyvips.Image, watermark: Watermark, width: int, height: int) -> pyvips.Image:
    """The mark in its place, or tiled, on a transparent canvas as large as the picture."""
    mark = mark.cast("uchar").copy(interpretation="srgb")
    margin = watermark.margin
    if watermark.tile:
        tile = mark.embed(margin // 2, margin // 2, mark.width + margin, mark.height + margin)
        across, down = -(-width // tile.width), -(-height // tile.height)
        return tile.replicate(across, down).crop(0, 0, width, height)
    before, above = _PLACES[watermark.position]
    return mark.embed(
        _offset(width - mark.width, before, margin), _offset(height - mark.height, above, margin), width, height
    )


def _offset(room: int, part: float, margin: int) -> int:
    """Pixels before the mark; the margin gives way where there is no room for it."""
    margin = min(margin, room // 2)
    return margin + round((room - 2 * margin) * part)


def _over(frame: pyvips.Image, layer: pyvips.Image) -> pyvips.Image:
    opaque = not frame.hasalpha()
    frame = frame.colourspace("srgb")
    composed = frame.composite2(layer, "over").cast("uchar")
    return composed.extract_band(0, n=3) if opaque else composed

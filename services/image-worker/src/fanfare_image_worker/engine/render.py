"""The variants of an image, from one decode."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from fanfare_image_worker.engine.colour import flattened, rgb
from fanfare_image_worker.engine.encode import encode
from fanfare_image_worker.engine.geometry import Target, base_of, is_well_below, target_of
from fanfare_image_worker.engine.header import Data, Header, inspect
from fanfare_image_worker.engine.limits import Limits
from fanfare_image_worker.engine.picture import Picture, decode
from fanfare_image_worker.engine.watermark import marked
from fanfare_shared.images.formats import FACTS, ImageFormat, written_format
from fanfare_shared.images.pipeline import Variant


@dataclass(frozen=True, slots=True)
class Rendered:
    """A variant's file. `width` and `height` are pixels, of a frame; `pages`: an animation's frames, else 1."""

    name: str
    data: bytes
    format: ImageFormat
    media_type: str
    width: int
    height: int
    pages: int


def render(
    data: Data,
    variants: Sequence[Variant],
    limits: Limits | None = None,
    watermarks: Mapping[UUID, Data] | None = None,
    header: Header | None = None,
) -> Iterator[Rendered]:
    """Each of `variants`, in their order, when it is asked for; the image is decoded once.

    `watermarks`: the originals that the variants' watermarks name by id. `header`: what `inspect` said, where it was asked.
    Raises ImageRejectedError: what `inspect` raises, ImageEncodeFailedError, ImageOutOfMemoryError.
    """
    limits = limits or Limits()
    header = header or inspect(data, limits)
    formats = [written_format(header.format, variant.format) for variant in variants]
    targets = [target_of(variant.geometry, header.width, header.height) for variant in variants]
    base = decode(
        data,
        header,
        *base_of(targets, header.width, header.height),
        animated=any(FACTS[written].is_animated for written in formats),
    )
    if len(variants) > 1:
        base = base.held()
    stills = [base.still()]
    for number, (variant, target, written) in enumerate(zip(variants, targets, formats, strict=True), start=1):
        source = base if FACTS[written].is_animated else _smallest_for(target, stills)
        picture = source.resized(target)
        is_source = len(picture.frames) == 1 and target.crop is None
        if is_source and any(is_well_below(later, picture.width, picture.height) for later in targets[number:]):
            picture = picture.held()
            stills.append(picture)
        if variant.watermark is not None:
            picture = marked(picture, variant.watermark, watermarks or {}, limits)
        if not FACTS[written].has_alpha:
            picture = _flattened(picture, variant.background)
        yield _rendered(variant, picture, written)


def _smallest_for(target: Target, stills: list[Picture]) -> Picture:
    """The smallest that `target` can be made from as well as from the largest, which is the first."""
    return min(
        (still for still in stills[1:] if is_well_below(target, still.width, still.height)),
        key=lambda still: still.width,
        default=stills[0],
    )


def _flattened(picture: Picture, background: str) -> Picture:
    return replace(picture, frames=tuple(flattened(frame, rgb(background)) for frame in picture.frames))


def _rendered(variant: Variant, picture: Picture, written: ImageFormat) -> Rendered:
    return Rendered(
        name=variant.name,
        data=encode(picture, written, variant.quality, variant.metadata),
        format=written,
        media_type=FACTS[written].media_type,
        width=picture.width,
        height=picture.height,
        pages=len(picture.frames),
    )

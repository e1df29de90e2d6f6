"""A decoded image: one frame, or an animation's."""

from dataclasses import dataclass, replace
from typing import Self, cast

import pyvips

from fanfare_image_worker.engine.colour import to_srgb
from fanfare_image_worker.engine.faults import told
from fanfare_image_worker.engine.geometry import Target
from fanfare_image_worker.engine.header import LOAD_OPTIONS, Data, Header, source_of
from fanfare_image_worker.engine.heic import decode_heic
from fanfare_shared.images.formats import ImageFormat
from fanfare_shared.images.pipeline import Crop

_INTERESTING = {Crop.ATTENTION: "attention", Crop.CENTRE: "centre", Crop.ENTROPY: "entropy"}


@dataclass(frozen=True, slots=True)
class Picture:
    """`delays`: milliseconds a frame. `loops`: how often an animation plays; 0 for ever. All frames have one size.

    Frames are lazy until `held`: pixels are made when they are asked for, and only once.
    """

    frames: tuple[pyvips.Image, ...]
    delays: tuple[int, ...] = ()
    loops: int = 0

    @property
    def width(self) -> int:
        return int(self.frames[0].width)

    @property
    def height(self) -> int:
        return int(self.frames[0].height)

    def held(self) -> Self:
        """In memory, to be read more than once. Raises what decoding raises."""
        with told():
            return replace(self, frames=tuple(frame.copy_memory() for frame in self.frames))

    def still(self) -> Self:
        """The first frame."""
        return replace(self, frames=self.frames[:1], delays=())

    def resized(self, target: Target) -> Self:
        """Of `target`'s size. A crop is sought in the first frame and is the same in all of them."""
        frames = self.frames
        if (self.width, self.height) != (target.scaled_width, target.scaled_height):
            frames = tuple(_scaled(frame, target.scaled_width, target.scaled_height) for frame in frames)
        if target.crop is None:
            return replace(self, frames=frames)
        # Seeking reads the pixels, cutting reads them again.
        scaled = replace(self, frames=frames).held().frames
        first = scaled[0].smartcrop(target.width, target.height, interesting=_INTERESTING[target.crop])
        left, top = -first.xoffset, -first.yoffset
        rest = (frame.crop(left, top, target.width, target.height) for frame in scaled[1:])
        return replace(self, frames=(first, *rest))


def decode(data: Data, header: Header, width: int, height: int, *, animated: bool) -> Picture:
    """The image at `width` x `height`, upright and in sRGB; shrunk while it is loaded where its format can.

    `animated`: all frames, held in memory; otherwise the first, lazy.
    """
    with told():
        if animated and header.is_animated:
            return _decode_frames(data, header, width, height)
        if header.format is ImageFormat.HEIC:
            image = _scaled(decode_heic(data), width, height)
        else:
            image = pyvips.Image.thumbnail_source(
                source_of(data), width, height=height, size="force", option_string=LOAD_OPTIONS
            )
        return Picture((to_srgb(image, header),))


def _decode_frames(data: Data, header: Header, width: int, height: int) -> Picture:
    """Each frame by itself: resampling the roll of them as one image would blend the edges of neighbours."""
    roll = pyvips.Image.new_from_source(source_of(data), LOAD_OPTIONS, n=-1, access="sequential")
    delays = cast("list[int]", roll.get("delay")) if roll.get_typeof("delay") else []
    loops = cast("int", roll.get("loop")) if roll.get_typeof("loop") else 0
    frames = []
    for page in range(header.pages):
        frame = roll.crop(0, page * header.height, header.width, header.height)
        frames.append(to_srgb(_scaled(frame, width, height), header).copy_memory())
    return Picture(tuple(frames), tuple(delays), loops)


def _scaled(image: pyvips.Image, width: int, height: int) -> pyvips.Image:
    return image.thumbnail_image(width, height=height, size="force", no_rotate=True)

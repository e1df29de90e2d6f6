"""Pictures whose pixels a test can check."""

import pyvips

from harness.images.segments import exif, with_exif

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 160, 60), (40, 60, 200), (230, 210, 40)
CORNERS = (RED, GREEN, BLUE, YELLOW)
"""Of `corners`: top left, top right, bottom left, bottom right."""

# What a camera did to the picture, so that EXIF's orientation undoes it.
_UNDONE = {
    1: lambda image: image,
    2: lambda image: image.fliphor(),
    3: lambda image: image.rot180(),
    4: lambda image: image.flipver(),
    5: lambda image: image.rot270().flipver(),
    6: lambda image: image.rot270(),
    7: lambda image: image.rot90().flipver(),
    8: lambda image: image.rot90(),
}

DELAYS = [100, 200, 300, 400]
"""Milliseconds a frame of `animation`."""
LOOPS = 3


def plain(width: int, height: int, colour: tuple[int, int, int]) -> pyvips.Image:
    return (pyvips.Image.black(width, height) + list(colour)).cast("uchar").copy(interpretation="srgb")


def corners(width: int, height: int) -> pyvips.Image:
    """Four quarters of four colours."""
    quarters = [plain(width // 2, height // 2, colour) for colour in CORNERS]
    return pyvips.Image.arrayjoin(quarters, across=2).copy_memory()


def cornered_jpeg(width: int, height: int, *, orientation: int | None = None) -> bytes:
    """`corners` as JPEG; `width` x `height` is how it is shown, whatever its `orientation`."""
    image = corners(width, height)
    if orientation is None:
        return image.jpegsave_buffer(Q=95, keep=0)
    return with_exif(_UNDONE[orientation](image).jpegsave_buffer(Q=95, keep=0), exif(orientation=orientation))


def with_alpha(width: int, height: int) -> pyvips.Image:
    """`corners` whose lower half is transparent."""
    alpha = pyvips.Image.black(width, height // 2).invert().join(pyvips.Image.black(width, height // 2), "vertical")
    return corners(width, height).bandjoin(alpha.cast("uchar"))


def animation(width: int, height: int) -> pyvips.Image:
    """A roll of four frames, each of one of the four colours, to be saved as GIF or WebP."""
    roll = pyvips.Image.arrayjoin([plain(width, height, colour) for colour in CORNERS], across=1).copy()
    roll.set_type(pyvips.GValue.gint_type, "page-height", height)
    roll.set_type(pyvips.GValue.gint_type, "loop", LOOPS)
    roll.set_type(pyvips.GValue.array_int_type, "delay", DELAYS)
    return roll


def corner_colours(image: pyvips.Image) -> list[tuple[int, ...]]:
    """The colours in the middle of `image`'s quarters, in the order of `CORNERS`."""
    places = [(across, down) for down in (1, 3) for across in (1, 3)]
    return [
        tuple(round(value) for value in image.getpoint(image.width * across // 4, image.height * down // 4))
        for across, down in places
    ]


def is_near(colour: tuple[int, ...], wanted: tuple[int, ...], *, by: int = 12) -> bool:
    """Whether each of the first three bands is at most `by` away: what a lossy format may change."""
    return all(abs(one - other) <= by for one, other in zip(colour[:3], wanted[:3], strict=True))

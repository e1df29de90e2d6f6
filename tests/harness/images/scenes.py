"""Photos that a person can tell apart: a drawn landscape with a balloon, and a camera's grain. The same seed, the same scene."""

from itertools import pairwise
from random import Random

import pyvips

from harness.images.segments import exif, with_exif

_SKIES = (("#2f6fb5", "#bfe0f5"), ("#f0715a", "#fbdc9a"), ("#31356e", "#e58fa0"), ("#58a5c9", "#f7efd2"))
_LANDS = (("#7d9bb8", "#5c8a5a", "#2e5a3c"), ("#a3768c", "#7d5a4a", "#463532"), ("#8fb3a6", "#c2a25a", "#7c6a35"))
_BALLOONS = (("#d8302f", "#f7d154"), ("#6a35a8", "#f2f2f2"), ("#0f8f86", "#f39a2d"), ("#e0567f", "#fff2cc"))
_WIDTH, _HEIGHT = 1200, 800
"""Of the drawing, before it is scaled."""


def scene(
    width: int, height: int, *, seed: int = 0, grain: float = 4.0, balloon_at: float | None = None
) -> pyvips.Image:
    """sRGB, in memory. `balloon_at`: how far from the left, 0 to 1; by chance where it is not said."""
    chance = Random(seed)
    drawing = _drawing(chance, balloon_at).encode()
    # libvips' loader of SVG is off where images of others are opened. This drawing is our own.
    pyvips.operation_block_set("VipsForeignLoadSvg", False)
    drawn = pyvips.Image.svgload_buffer(drawing, scale=max(width / _WIDTH, height / _HEIGHT))
    pyvips.operation_block_set("VipsForeignLoadSvg", True)
    picture = drawn.crop((drawn.width - width) // 2, (drawn.height - height) // 2, width, height).extract_band(0, n=3)
    noise = pyvips.Image.gaussnoise(512, 512, mean=0, sigma=grain, seed=seed).copy_memory()
    noise = noise.replicate(-(-width // 512), -(-height // 512)).crop(0, 0, width, height)
    return (picture + noise).cast("uchar").copy(interpretation="srgb").copy_memory()


def scene_jpeg(
    width: int, height: int, *, seed: int = 0, balloon_at: float | None = None, orientation: int = 1, quality: int = 88
) -> bytes:
    """`width` x `height` is how it is shown. `orientation`: EXIF's, 1, or 6 of a phone held upright; else ValueError."""
    picture = scene(width, height, seed=seed, balloon_at=balloon_at)
    if orientation == 1:
        return bytes(picture.jpegsave_buffer(Q=quality, keep=0))
    if orientation != 6:
        raise ValueError(f"orientation: 1 or 6, not {orientation}")
    return with_exif(picture.rot270().jpegsave_buffer(Q=quality, keep=0), exif(orientation=orientation))


def _drawing(chance: Random, balloon_at: float | None) -> str:
    (high, low), lands, (silk, stripe) = chance.choice(_SKIES), chance.choice(_LANDS), chance.choice(_BALLOONS)
    sun_x, sun_y = chance.randint(120, 1080), chance.randint(90, 330)
    x = round(_WIDTH * (chance.uniform(0.12, 0.88) if balloon_at is None else balloon_at))
    y, radius = chance.randint(210, 300), chance.randint(85, 110)
    ridges = "".join(
        f'<path d="{_ridge(chance, top, rough)}" fill="{colour}"/>'
        for colour, top, rough in zip(lands, (430, 540, 660), (120, 70, 40), strict=True)
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}">
<defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="{high}"/>
<stop offset="0.7" stop-color="{low}"/></linearGradient></defs>
<rect width="{_WIDTH}" height="{_HEIGHT}" fill="url(#sky)"/>
<circle cx="{sun_x}" cy="{sun_y}" r="46" fill="#fff6d8" opacity="0.9"/>{ridges}
<g transform="translate({x} {y})"><path d="M-{radius * 0.55} {radius * 0.8} L-14 {radius + 62} L14 {radius + 62}
L{radius * 0.55} {radius * 0.8}" stroke="#4a3320" stroke-width="3" fill="none"/>
<path d="M0 {radius + 18} C-{radius * 0.5} {radius} -{radius} {radius * 0.35} -{radius} -{radius * 0.25}
A{radius} {radius} 0 0 1 {radius} -{radius * 0.25} C{radius} {radius * 0.35} {radius * 0.5} {radius} 0 {radius + 18}Z"
fill="{silk}"/><ellipse cx="0" cy="-{radius * 0.1}" rx="{radius * 0.38}" ry="{radius * 1.12}" fill="{stripe}"/>
<ellipse cx="0" cy="-{radius * 0.1}" rx="{radius * 0.13}" ry="{radius * 1.12}" fill="{silk}"/>
<rect x="-17" y="{radius + 60}" width="34" height="28" rx="4" fill="#7a4f2a"/></g></svg>"""


def _ridge(chance: Random, top: int, rough: int) -> str:
    """A line of hills from the left edge to the right, closed at the bottom."""
    points = [(x, top + chance.randint(-rough, rough)) for x in range(-100, _WIDTH + 201, 150)]
    line = f"M{points[0][0]} {points[0][1]}"
    for (x, y), (following_x, following_y) in pairwise(points):
        middle = (x + following_x) // 2
        line += f" C{middle} {y} {middle} {following_y} {following_x} {following_y}"
    return f"{line} L{_WIDTH + 200} {_HEIGHT} L-100 {_HEIGHT}Z"

"""Texts and images laid over variants."""

from typing import Any
from uuid import UUID

import pytest
import pyvips

from fanfare_image_worker.engine.render import Rendered, render
from fanfare_shared.errors import ImageEncodeFailedError
from fanfare_shared.images.pipeline import Position, Variant
from harness.images.corpus import HARMLESS
from harness.images.pictures import BLUE, RED, is_near, plain

LOGO = UUID("0198f6a0-0000-7000-8000-000000000001")
CANVAS = plain(300, 200, BLUE).pngsave_buffer()


def marked(data: bytes = CANVAS, logo: bytes | None = None, **watermark: Any) -> Rendered:
    variant = Variant.model_validate({"name": "one", "watermark": watermark})
    (rendered,) = render(data, [variant], watermarks={} if logo is None else {LOGO: logo})
    return rendered


def changed(rendered: Rendered, colour: tuple[int, int, int] = BLUE) -> tuple[int, int, int, int]:
    """Left, top, width and height of what is not of the canvas's colour."""
    image = pyvips.Image.new_from_buffer(rendered.data, "")
    left, top, width, height = image.extract_band(0, n=3).find_trim(background=list(colour), threshold=5)
    return int(left), int(top), int(width), int(height)


def logo(width: int = 40, height: int = 20) -> bytes:
    return plain(width, height, RED).pngsave_buffer()


@pytest.mark.parametrize(
    ("position", "left", "top"),
    [
        (Position.TOP_LEFT, 7, 7),
        (Position.TOP, 130, 7),
        (Position.TOP_RIGHT, 253, 7),
        (Position.LEFT, 7, 90),
        (Position.CENTRE, 130, 90),
        (Position.RIGHT, 253, 90),
        (Position.BOTTOM_LEFT, 7, 173),
        (Position.BOTTOM, 130, 173),
        (Position.BOTTOM_RIGHT, 253, 173),
    ],
)
def test_an_image_stands_in_each_of_nine_places(position: Position, left: int, top: int) -> None:
    rendered = marked(logo=logo(), image_id=LOGO, position=position, margin=7, opacity=1)
    assert changed(rendered) == (left, top, 40, 20)


def test_opacity_blends() -> None:
    image = pyvips.Image.new_from_buffer(marked(logo=logo(), image_id=LOGO, position="centre", opacity=0.5).data, "")
    between = tuple((red + blue) // 2 for red, blue in zip(RED, BLUE, strict=True))
    assert image.bands == 3
    assert is_near(tuple(round(value) for value in image.getpoint(150, 100)), between, by=3)


def test_scale_is_a_part_of_the_variants_width() -> None:
    assert changed(marked(logo=logo(), image_id=LOGO, position="centre", scale=0.5, opacity=1))[2:] == (150, 75)


def test_a_mark_larger_than_the_variant_is_shrunk_into_it() -> None:
    assert changed(marked(logo=logo(1000, 500), image_id=LOGO, opacity=1))[2:] == (300, 150)
    left, top, width, height = changed(marked(text="A long line of text " * 8, size=100, opacity=1))
    assert left >= 0
    assert top >= 0
    assert width > 250
    assert height < 200


def test_tiles_cover_the_variant() -> None:
    left, top, width, height = changed(marked(logo=logo(), image_id=LOGO, tile=True, margin=20, opacity=1))
    assert left <= 20
    assert top <= 20
    assert width > 250
    assert height > 150


def test_a_text_is_drawn_in_its_colour_and_size() -> None:
    rendered = marked(text="Fanfare", size=40, colour="#00ff00", opacity=1, position="centre")
    _, _, width, height = changed(rendered)
    assert 25 < height < 45
    assert width > 100
    image = pyvips.Image.new_from_buffer(rendered.data, "")
    assert image.extract_band(1).max() == 255
    assert changed(marked(text="Fanfare", size=80, opacity=1))[3] > 1.5 * height


def test_a_texts_scale_is_a_part_of_the_variants_width() -> None:
    assert abs(changed(marked(text="Fanfare", scale=0.5, opacity=1))[2] - 150) < 10


def test_a_text_is_no_markup() -> None:
    """Pango would refuse the one and make the other bold."""
    marked(text="a < b & <c>", opacity=1)
    plain_text, bold = (changed(marked(text=text, size=30, opacity=1)) for text in ("<b>Hi</b>", "Hi"))
    assert plain_text[2] > 2 * bold[2]


def test_transparency_stays_around_a_mark() -> None:
    rendered = marked(
        HARMLESS["png-alpha"].data, logo=logo(), image_id=LOGO, position="bottom-left", opacity=1, margin=0
    )
    image = pyvips.Image.new_from_buffer(rendered.data, "")
    assert image.bands == 4
    assert image.getpoint(5, 235) == [*RED, 255]
    assert image.getpoint(200, 235)[3] == 0


def test_every_frame_of_an_animation_is_marked() -> None:
    rendered = marked(HARMLESS["gif-animated"].data, text="Hi", size=60, opacity=1, colour="#000000", position="centre")
    roll = pyvips.Image.new_from_buffer(rendered.data, "", n=-1)
    assert rendered.pages == 4
    for page in range(4):
        frame = roll.crop(0, page * 240, 320, 240)
        assert (frame.extract_band(0, n=3).bandmean() < 10).avg() > 1


def test_a_transparent_logo_shows_what_is_beneath() -> None:
    half = plain(40, 20, RED).bandjoin(pyvips.Image.black(40, 10).join(pyvips.Image.black(40, 10) + 255, "vertical"))
    rendered = marked(logo=half.cast("uchar").pngsave_buffer(), image_id=LOGO, position="top-left", margin=0, opacity=1)
    assert changed(rendered) == (0, 10, 40, 10)


def test_a_watermarks_image_that_is_gone_fails_the_variant() -> None:
    with pytest.raises(ImageEncodeFailedError, match=str(LOGO)):
        marked(image_id=LOGO)

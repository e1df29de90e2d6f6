"""What an image's header says before anything is decoded."""

from pathlib import Path

import pytest

from fanfare_image_worker.engine.header import inspect
from fanfare_image_worker.engine.limits import Limits
from fanfare_shared.errors import ImageTooLargeError, ImageTooManyFramesError, ImageTooManyPixelsError
from fanfare_shared.images.formats import ImageFormat
from harness.images.corpus import HARMLESS, HEIGHT, WIDTH
from harness.images.photos import jpeg
from harness.images.pictures import cornered_jpeg
from harness.images.segments import png


def test_a_photo() -> None:
    header = inspect(HARMLESS["jpeg"].data)
    assert (header.format, header.media_type) == (ImageFormat.JPEG, "image/jpeg")
    assert (header.width, header.height, header.pages) == (WIDTH, HEIGHT, 1)
    assert [header.has_alpha, header.is_progressive, header.is_cmyk, header.is_animated] == [False] * 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sides_are_as_shown(orientation: int) -> None:
    header = inspect(cornered_jpeg(WIDTH, HEIGHT, orientation=orientation))
    assert (header.width, header.height, header.orientation) == (WIDTH, HEIGHT, orientation)


@pytest.mark.parametrize(
    ("name", "image_format"),
    [
        ("png", ImageFormat.PNG),
        ("webp", ImageFormat.WEBP),
        ("gif", ImageFormat.GIF),
        ("avif", ImageFormat.AVIF),
        ("tiff-16-bit", ImageFormat.TIFF),
        ("heic", ImageFormat.HEIC),
        ("jpeg-named-png", ImageFormat.JPEG),
    ],
)
def test_the_format_is_what_the_bytes_say(name: str, image_format: ImageFormat) -> None:
    assert inspect(HARMLESS[name].data).format is image_format


def test_what_else_it_tells() -> None:
    assert inspect(HARMLESS["jpeg-progressive"].data).is_progressive
    assert inspect(HARMLESS["png-interlaced"].data).is_progressive
    assert inspect(HARMLESS["png-alpha"].data).has_alpha
    assert inspect(HARMLESS["jpeg-cmyk"].data).is_cmyk
    assert inspect(HARMLESS["gif-animated"].data).pages == 4
    assert inspect(HARMLESS["webp-animated"].data).is_animated


def test_a_file_is_read_like_bytes_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "photo[page=3].jpg"
    path.write_bytes(HARMLESS["jpeg"].data)
    assert inspect(path) == inspect(HARMLESS["jpeg"].data)


def test_limits_are_kept() -> None:
    photo, party = HARMLESS["jpeg"].data, HARMLESS["gif-animated"].data
    with pytest.raises(ImageTooLargeError, match="the limit is 100"):
        inspect(photo, Limits(max_bytes=100))
    with pytest.raises(ImageTooManyPixelsError, match="320 x 240 pixels; the limit is 76,799"):
        inspect(photo, Limits(max_pixels=76_799))
    with pytest.raises(ImageTooManyPixelsError, match="a side is 319"):
        inspect(photo, Limits(max_side=319))
    with pytest.raises(ImageTooManyPixelsError, match="4 frames"):
        inspect(party, Limits(max_pixels=3 * WIDTH * HEIGHT))
    with pytest.raises(ImageTooManyFramesError, match="4 frames; the limit is 3"):
        inspect(party, Limits(max_frames=3))
    assert inspect(photo, Limits(max_pixels=76_800, max_side=320, max_bytes=len(photo)))


def test_what_must_be_held_whole_has_a_higher_price_than_what_is_shrunk_while_it_is_loaded() -> None:
    baseline, progressive = inspect(jpeg(1600, 1200)), inspect(jpeg(1600, 1200, progressive=True))
    assert progressive.price > 5 * baseline.price
    assert progressive.is_heavy(2 * baseline.price)
    assert not baseline.is_heavy(2 * baseline.price)
    assert inspect(png(10_000, 10_000)).price > 10_000 * 10_000

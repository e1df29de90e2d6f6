"""Every file that means harm, and every odd one that does not, through the whole engine."""

import pytest
import pyvips

from fanfare_image_worker.engine.header import inspect
from fanfare_image_worker.engine.render import render
from fanfare_shared.errors import ImageRejectedError
from fanfare_shared.images.presets import BUILT_IN
from harness.images.corpus import HARMLESS, HOSTILE
from harness.images.pictures import CORNERS, corner_colours, is_near

VARIANTS = BUILT_IN["thumbnails"].variants
# Nothing but grey, half of it see-through, of one colour, or of no colour that is known.
_NOT_CORNERS = {
    "heic-alpha",
    "jpeg-grey",
    "png-grey-alpha",
    "gif-animated",
    "webp-animated",
    "jpeg-lying-about-its-size",
}
# Print colours cannot show these blues and reds.
_PRINT = {"jpeg-cmyk", "jpeg-cmyk-icc"}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_its_error(name: str) -> None:
    file = HOSTILE[name]
    assert file.error is not None
    with pytest.raises(ImageRejectedError) as raised:
        list(render(file.data, VARIANTS))
    assert type(raised.value) is file.error
    assert raised.value.detail
    assert not raised.value.retryable


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_file_gets_its_variants(name: str) -> None:
    data = HARMLESS[name].data
    header = inspect(data)
    rendered = list(render(data, VARIANTS, header=header))
    assert [one.name for one in rendered] == ["resized", "medium", "thumbnail"]
    for one in rendered:
        written = inspect(one.data)
        assert (written.format, written.width, written.height) == (one.format, one.width, one.height)
        assert written.pages == one.pages == header.pages
        assert written.orientation == 1
    assert (rendered[2].width, rendered[2].height) == (150, 150)


@pytest.mark.parametrize("name", sorted(set(HARMLESS) - _NOT_CORNERS))
def test_a_harmless_file_looks_as_it_should(name: str) -> None:
    for one in list(render(HARMLESS[name].data, VARIANTS))[:2]:
        image = pyvips.Image.new_from_buffer(one.data, "")
        assert image.interpretation == "srgb"
        assert image.format == "uchar"
        by = 70 if name in _PRINT else 14
        for colour, wanted in zip(corner_colours(image), CORNERS, strict=True):
            assert is_near(colour, wanted, by=by), (one.name, colour, wanted)


@pytest.mark.parametrize("name", ["jpeg-zip", "jpeg-html", "jpeg-html-comment", "gif-html"])
def test_what_a_polyglot_carries_is_not_written(name: str) -> None:
    for one in render(HARMLESS[name].data, VARIANTS):
        assert b"script" not in one.data
        assert b"PK\x03\x04" not in one.data

"""What variants look like, pixel by pixel."""

from pathlib import Path
from typing import Any

import pytest
import pyvips

from fanfare_image_worker.engine.render import Rendered, render
from fanfare_shared.errors import ImageEncodeFailedError
from fanfare_shared.images.formats import ImageFormat
from fanfare_shared.images.pipeline import Variant
from harness.images.corpus import HARMLESS, HEIGHT, WIDTH
from harness.images.photos import jpeg, photo
from harness.images.pictures import (
    BLUE,
    CORNERS,
    DELAYS,
    GREEN,
    LOOPS,
    RED,
    corner_colours,
    cornered_jpeg,
    is_near,
    plain,
)
from harness.images.segments import exif, png, with_exif


def variant(**fields: Any) -> Variant:
    return Variant.model_validate({"name": "one", **fields})


def one_of(data: bytes | Path, **fields: Any) -> Rendered:
    (rendered,) = render(data, [variant(**fields)])
    return rendered


def opened(rendered: Rendered, **options: Any) -> pyvips.Image:
    return pyvips.Image.new_from_buffer(rendered.data, "", **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "resize",
    [
        {"max_width": 80, "max_height": 80},
        {"mode": "exact", "width": 120, "height": 30},
        {"mode": "cover", "width": 80, "height": 60, "crop": "centre"},
        None,
    ],
)
def test_every_orientation_is_made_upright_before_it_is_fitted(orientation: int, resize: dict[str, Any] | None) -> None:
    rendered = one_of(cornered_jpeg(WIDTH, HEIGHT, orientation=orientation), resize=resize)
    upright = one_of(cornered_jpeg(WIDTH, HEIGHT), resize=resize)
    assert (rendered.width, rendered.height) == (upright.width, upright.height)
    for colour, wanted in zip(corner_colours(opened(rendered)), CORNERS, strict=True):
        assert is_near(colour, wanted)


def test_a_portrait_photo_stays_within_the_box() -> None:
    rendered = one_of(cornered_jpeg(600, 900, orientation=6), resize={"max_width": 800, "max_height": 600})
    assert (rendered.width, rendered.height) == (400, 600)


@pytest.mark.parametrize("written", ["jpeg", "png", "webp", "avif", "gif"])
def test_every_format_is_written(written: str) -> None:
    rendered = one_of(cornered_jpeg(WIDTH, HEIGHT), thumbnail=100, format=written)
    assert rendered.format is ImageFormat(written)
    assert rendered.media_type == f"image/{written}"
    image = opened(rendered)
    assert (image.width, image.height) == (100, 100)
    assert is_near(corner_colours(image)[0], RED, by=20)


def test_quality_is_kept() -> None:
    data = jpeg(WIDTH, HEIGHT)
    sizes = [len(one_of(data, quality=quality).data) for quality in (30, 60, 90)]
    assert sizes == sorted(set(sizes))


def test_a_small_image_is_not_enlarged_unless_asked_for() -> None:
    data = cornered_jpeg(40, 20)
    small = one_of(data, resize={"max_width": 80})
    large = one_of(data, resize={"max_width": 80, "enlarge": True})
    assert (small.width, small.height) == (40, 20)
    assert (large.width, large.height) == (80, 40)


def test_attention_finds_what_draws_the_eye() -> None:
    """A patch of skin's colour and fine detail, far to the right of a dull picture."""
    dull = plain(600, 200, (90, 95, 100))
    patch = photo(120, 120, noise=40).linear([1.0, 0.6, 0.4], [40, 0, 0]).cast("uchar")
    data = dull.insert(patch, 460, 40).pngsave_buffer()
    attention, centre = (
        opened(one_of(data, resize={"mode": "cover", "width": 200, "height": 200, "crop": crop}))
        for crop in ("attention", "centre")
    )
    assert attention.deviate() > 2 * centre.deviate()


def test_transparency_is_kept_where_it_can_be_and_laid_on_the_background_where_not() -> None:
    data = HARMLESS["png-alpha"].data
    kept = opened(one_of(data, thumbnail=100))
    assert kept.bands == 4
    assert [colour[3] for colour in corner_colours(kept)] == [255, 255, 0, 0]
    for background, colour in (("#ffffff", (255, 255, 255)), ("#123456", (0x12, 0x34, 0x56))):
        flat = opened(one_of(data, thumbnail=100, format="jpeg", background=background))
        assert is_near(corner_colours(flat)[2], colour)
        assert is_near(corner_colours(flat)[0], RED)


def test_a_heic_photos_transparency_is_known() -> None:
    rendered = one_of(HARMLESS["heic-alpha"].data, format="webp")
    assert [colour[3] for colour in corner_colours(opened(rendered))] == [255, 255, 0, 0]
    assert one_of(HARMLESS["heic-alpha"].data).format is ImageFormat.JPEG


def test_grey_with_transparency_is_laid_on_a_coloured_background() -> None:
    flat = opened(one_of(HARMLESS["png-grey-alpha"].data, format="jpeg", background="#c81e1e"))
    assert is_near(corner_colours(flat)[3], (200, 30, 30))


def test_a_wide_gamut_becomes_srgb_without_a_profile() -> None:
    image = opened(one_of(HARMLESS["jpeg-p3"].data))
    assert not image.get_typeof("icc-profile-data")
    assert is_near(corner_colours(image)[1], GREEN)


@pytest.mark.parametrize("source", ["gif-animated", "webp-animated"])
@pytest.mark.parametrize("written", ["gif", "webp"])
def test_an_animation_keeps_its_frames_delays_and_loops(source: str, written: str) -> None:
    rendered = one_of(HARMLESS[source].data, resize={"max_width": 80}, format=written)
    assert (rendered.width, rendered.height, rendered.pages) == (80, 60, 4)
    roll = opened(rendered, n=-1)
    assert roll.get("page-height") == 60
    assert roll.get("delay") == DELAYS
    assert roll.get("loop") == LOOPS
    for page, colour in enumerate(CORNERS):
        for row in (0, 59):
            shown = tuple(round(value) for value in roll.getpoint(40, page * 60 + row))
            assert is_near(shown, colour), "frames must not run into one another"


def test_an_animation_is_cropped_alike_in_all_frames() -> None:
    rendered = one_of(HARMLESS["gif-animated"].data, thumbnail=50)
    assert (rendered.width, rendered.height, rendered.pages) == (50, 50, 4)
    assert opened(rendered, n=-1).height == 200


def test_an_animations_first_frame_is_its_still() -> None:
    still, moving = render(HARMLESS["gif-animated"].data, [variant(format="jpeg"), variant(name="two", thumbnail=20)])
    assert (still.pages, moving.pages) == (1, 4)
    assert is_near(corner_colours(opened(still))[3], RED)


def test_several_variants_are_like_those_made_alone() -> None:
    data = jpeg(1600, 1200)
    variants = [
        variant(name="a", resize={"max_width": 100}),
        variant(name="b", resize={"max_width": 800, "max_height": 600}),
        variant(name="c", resize={"max_width": 400}),
        variant(name="d", resize={"max_width": 390}, format="png"),
        variant(name="e", resize={"mode": "exact", "width": 300, "height": 300}),
    ]
    together = list(render(data, variants))
    assert [one.name for one in together] == ["a", "b", "c", "d", "e"]
    for one, alone in zip(together, (next(iter(render(data, [each]))) for each in variants), strict=True):
        assert (one.width, one.height) == (alone.width, alone.height)
        difference = (opened(one).cast("short") - opened(alone).cast("short")).abs()
        assert difference.avg() < 2.5, one.name


def test_a_variant_is_made_when_it_is_asked_for() -> None:
    """One that fails does not take those before it along."""
    variants = [variant(name="good", thumbnail=10), variant(name="bad", format="webp")]
    rendered = render(png(17_000, 20), variants)
    assert next(rendered).name == "good"
    with pytest.raises(ImageEncodeFailedError, match=r"webp holds 16,383 pixels a side.*17,000"):
        next(rendered)


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    path = tmp_path / "photo[n=-1].jpg"
    path.write_bytes(cornered_jpeg(WIDTH, HEIGHT))
    assert one_of(path, thumbnail=50).data == one_of(path.read_bytes(), thumbnail=50).data


def test_the_same_work_gives_the_same_bytes() -> None:
    data = jpeg(WIDTH, HEIGHT)
    assert one_of(data, thumbnail=50).data == one_of(data, thumbnail=50).data


@pytest.mark.parametrize("written", ["jpeg", "png", "webp", "avif"])
def test_metadata_is_stripped_but_for_the_copyright_that_is_to_be_kept(written: str) -> None:
    data = with_exif(
        cornered_jpeg(WIDTH, HEIGHT),
        exif(artist="Ann Lee 이안", copyright_notice="(c) 2024 Ann (all rights)", make="SecretCamera"),
    )
    stripped = one_of(data, thumbnail=50, format=written)
    assert not opened(stripped).get_typeof("exif-data")
    kept = one_of(data, thumbnail=50, format=written, metadata="copyright")
    image = opened(kept)
    assert str(image.get("exif-ifd0-Copyright")).startswith("(c) 2024 Ann (all rights) ")
    assert "Ann Lee 이안".encode() in bytes(image.get("xmp-data"))  # type: ignore[arg-type]
    assert not image.get_typeof("exif-ifd0-Make")
    assert b"SecretCamera" not in kept.data
    assert is_near(corner_colours(image)[2], BLUE, by=20)


def test_there_is_no_copyright_in_a_broken_exif() -> None:
    rendered = one_of(HARMLESS["jpeg-broken-exif"].data, metadata="copyright")
    assert not opened(rendered).get_typeof("exif-data")

"""What a pipeline may say."""

from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from fanfare_shared.images.formats import ImageFormat, OutputFormat, written_format
from fanfare_shared.images.pipeline import DEFAULT_PIPELINE, Cover, Crop, Fit, Pipeline, Variant

IMAGE_ID = UUID("0198f6a0-0000-7000-8000-000000000001")


def variant(**fields: Any) -> Variant:
    return Variant.model_validate({"name": "small", **fields})


def test_the_default_fits_into_800_by_600_at_quality_85_and_never_enlarges() -> None:
    (only,) = DEFAULT_PIPELINE.variants
    assert only.name == "resized"
    assert only.geometry == Fit(max_width=800, max_height=600, enlarge=False)
    assert (only.quality, only.format, only.metadata) == (85, "original", "strip")


def test_a_thumbnail_is_short_for_a_square_cover() -> None:
    assert variant(thumbnail=150).geometry == Cover(mode="cover", width=150, height=150, crop=Crop.ATTENTION)


def test_a_resize_without_a_mode_is_a_fit() -> None:
    assert variant(resize={"max_width": 300}).geometry == Fit(max_width=300)


def test_a_pipeline_survives_json() -> None:
    pipeline = Pipeline(
        variants=[
            variant(resize={"mode": "exact", "width": 3, "height": 4}, watermark={"text": "©", "tile": True}),
            variant(name="other", thumbnail=9, watermark={"image_id": str(IMAGE_ID)}, format="webp"),
        ]
    )
    assert Pipeline.model_validate_json(pipeline.model_dump_json()) == pipeline
    assert pipeline.watermark_image_ids == {IMAGE_ID}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "Big Name"}, "name"),
        ({"name": "a" * 41}, "name"),
        ({"name": "../up"}, "name"),
        ({"unknown": 1}, "Extra inputs"),
        ({"resize": {"mode": "zoom"}}, "mode must be fit, cover or exact"),
        ({"resize": {"mode": "fit"}}, "give max_width, max_height or both"),
        ({"resize": {"mode": "fit", "width": 3}}, "Extra inputs"),
        ({"resize": {"mode": "cover", "width": 3}}, "height"),
        ({"resize": {"max_width": 16_384}}, "less than or equal to 16383"),
        ({"resize": {"max_width": 0}}, "greater than or equal to 1"),
        ({"resize": {"max_width": 3}, "thumbnail": 3}, "give resize or thumbnail, not both"),
        ({"quality": 0}, "quality"),
        ({"quality": 101}, "quality"),
        ({"background": "white"}, "background"),
        ({"format": "bmp"}, "format"),
        ({"metadata": "keep"}, "metadata"),
        ({"watermark": {}}, "give text or image_id, one of them"),
        ({"watermark": {"text": "a", "image_id": str(IMAGE_ID)}}, "give text or image_id, one of them"),
        ({"watermark": {"text": "  "}}, "text must not be blank"),
        ({"watermark": {"text": "a", "opacity": 1.1}}, "opacity"),
        ({"watermark": {"text": "a", "position": "middle"}}, "position"),
    ],
)
def test_a_wrong_variant_is_refused_with_what_is_wrong(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        variant(**fields)


def test_a_pipeline_has_1_to_20_variants_of_different_names() -> None:
    with pytest.raises(ValidationError, match="at least 1"):
        Pipeline(variants=[])
    with pytest.raises(ValidationError, match="at most 20"):
        Pipeline(variants=[variant(name=f"v{number}") for number in range(21)])
    with pytest.raises(ValidationError, match="two variants are called small"):
        Pipeline(variants=[variant(), variant(quality=3)])


def test_the_originals_format_is_kept_where_it_can_be_written_else_it_is_jpeg() -> None:
    kept = {original: written_format(original, OutputFormat.ORIGINAL) for original in ImageFormat}
    assert kept.pop(ImageFormat.TIFF) is ImageFormat.JPEG
    assert kept.pop(ImageFormat.HEIC) is ImageFormat.JPEG
    assert all(original is written for original, written in kept.items())
    assert written_format(ImageFormat.JPEG, OutputFormat.AVIF) is ImageFormat.AVIF

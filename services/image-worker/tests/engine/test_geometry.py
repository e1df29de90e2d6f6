"""How large a variant becomes."""

from typing import Any

import pytest

from fanfare_image_worker.engine.geometry import Target, base_of, target_of
from fanfare_shared.images.pipeline import Crop, Variant


def target(width: int, height: int, **fields: Any) -> Target:
    return target_of(Variant.model_validate({"name": "a", **fields}).geometry, width, height)


def sides(found: Target) -> tuple[int, int]:
    return found.width, found.height


@pytest.mark.parametrize(
    ("image", "resize", "expected"),
    [
        ((4000, 3000), {"max_width": 800, "max_height": 600}, (800, 600)),
        ((3000, 4000), {"max_width": 800, "max_height": 600}, (450, 600)),
        ((4000, 1000), {"max_width": 800, "max_height": 600}, (800, 200)),
        ((400, 300), {"max_width": 800, "max_height": 600}, (400, 300)),
        ((400, 300), {"max_width": 800, "max_height": 600, "enlarge": True}, (800, 600)),
        ((4000, 3000), {"max_width": 1000}, (1000, 750)),
        ((4000, 3000), {"max_height": 300}, (400, 300)),
        ((10_000, 3), {"max_width": 100, "max_height": 100}, (100, 1)),
        ((4000, 3000), {"mode": "exact", "width": 100, "height": 200}, (100, 200)),
        ((400, 3000), {"mode": "exact", "width": 800, "height": 200}, (400, 200)),
        ((400, 300), {"mode": "exact", "width": 800, "height": 200, "enlarge": True}, (800, 200)),
        ((4000, 3000), {"mode": "cover", "width": 150, "height": 150}, (150, 150)),
        ((100, 300), {"mode": "cover", "width": 150, "height": 150}, (100, 100)),
        ((100, 300), {"mode": "cover", "width": 150, "height": 150, "enlarge": True}, (150, 150)),
    ],
)
def test_the_sides_of_a_variant(image: tuple[int, int], resize: dict[str, Any], expected: tuple[int, int]) -> None:
    assert sides(target(*image, resize=resize)) == expected


def test_a_variant_without_a_size_has_the_originals() -> None:
    assert target(401, 299) == Target(401, 299, 401, 299)


def test_cover_scales_to_fill_the_box_then_crops() -> None:
    assert target(4000, 3000, thumbnail=150) == Target(200, 150, 150, 150, Crop.ATTENTION)


def test_cover_of_the_boxs_own_proportions_crops_nothing() -> None:
    assert target(4000, 4000, thumbnail=150).crop is None


def test_the_image_is_decoded_to_the_largest_variants_own_size() -> None:
    targets = [target(6000, 4000, resize={"max_width": side}) for side in (400, 800, 100)]
    assert base_of(targets, 6000, 4000) == (800, 533)


def test_a_variant_close_to_the_largest_gets_a_larger_decode_to_be_made_from() -> None:
    targets = [target(6000, 4000, resize={"max_width": side}) for side in (800, 700)]
    assert base_of(targets, 6000, 4000) == (1200, 800)


def test_the_image_is_never_decoded_larger_than_it_is() -> None:
    targets = [target(400, 300, resize={"max_width": side, "enlarge": True}) for side in (800, 700)]
    assert base_of(targets, 400, 300) == (400, 300)

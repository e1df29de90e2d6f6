"""sRGB's profile is told from others by its numbers."""

import pytest

from fanfare_image_worker.engine.icc import is_srgb
from harness.images.pictures import corners


def profile(name: str) -> bytes:
    """One of the profiles that libvips brings along."""
    return bytes(corners(8, 8).icc_transform(name, input_profile="srgb").get("icc-profile-data"))  # type: ignore[arg-type]


def test_srgb_is_known() -> None:
    assert is_srgb(profile("srgb"))


def test_others_are_not_srgb() -> None:
    assert not is_srgb(profile("p3"))
    assert not is_srgb(profile("cmyk"))


def test_srgbs_colours_with_another_curve_are_not_srgb() -> None:
    srgb = profile("srgb")
    at = srgb.index(b"para")
    linear = srgb[: at + 8] + b"\0\0\0\0\0\1\0\0" + srgb[at + 16 :]
    assert not is_srgb(linear)


@pytest.mark.parametrize("broken", [b"", b"garbage" * 40, bytes(200), b"\xff" * 500])
def test_a_broken_profile_is_none(broken: bytes) -> None:
    assert not is_srgb(broken)

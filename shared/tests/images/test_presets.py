"""The presets a deployment names."""

from pathlib import Path

import pytest

from fanfare_shared.errors import ConfigurationError
from fanfare_shared.images.pipeline import DEFAULT_PIPELINE, Fit
from fanfare_shared.images.presets import load_presets


def test_two_presets_are_built_in() -> None:
    presets = load_presets(None)
    assert presets["default"] == DEFAULT_PIPELINE
    assert [variant.name for variant in presets["thumbnails"].variants] == ["resized", "medium", "thumbnail"]


def test_a_file_adds_presets_and_may_replace_the_default(tmp_path: Path) -> None:
    file = tmp_path / "presets.json"
    file.write_text(
        '{"default": {"variants": [{"name": "web", "resize": {"max_width": 1200}}]},'
        ' "avatar": {"variants": [{"name": "avatar", "thumbnail": 96, "format": "webp"}]}}'
    )
    presets = load_presets(file)
    assert set(presets) == {"default", "thumbnails", "avatar"}
    assert presets["default"].variants[0].geometry == Fit(max_width=1200)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "Invalid JSON"),
        ("[]", "should be an object"),
        ('{"web": {"variants": []}}', "web.variants"),
        ('{"web": {"variants": [{"name": "a", "sharpen": 1}]}}', "web.variants.0.sharpen: Extra inputs"),
        ('{"Two words": {"variants": [{"name": "a"}]}}', "'Two words' is no preset's name"),
    ],
)
def test_a_bad_file_is_told_with_the_place_of_the_fault(tmp_path: Path, content: str, told: str) -> None:
    file = tmp_path / "presets.json"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=told) as raised:
        load_presets(file)
    assert "FANFARE_IMAGE_PRESETS_FILE" in raised.value.detail


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_presets(tmp_path / "none.json")

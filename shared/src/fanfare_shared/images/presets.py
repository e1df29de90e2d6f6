"""The named pipelines of a deployment: two built in, and those of a JSON file."""

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from fanfare_shared.errors import ConfigurationError
from fanfare_shared.images.pipeline import DEFAULT_PIPELINE, RESIZED, SLUG, Fit, Pipeline, Variant

BUILT_IN: Mapping[str, Pipeline] = {
    "default": DEFAULT_PIPELINE,
    "thumbnails": Pipeline(
        variants=[
            RESIZED,
            Variant(name="medium", resize=Fit(max_width=400, max_height=300)),
            Variant(name="thumbnail", thumbnail=150),
        ]
    ),
}

_FILE = TypeAdapter(dict[str, Pipeline])


def load_presets(file: Path | None) -> dict[str, Pipeline]:
    """The presets by name: the built-in ones, and those of `file` (`{"name": {"variants": […]}}`), which come first.

    Raises ConfigurationError for a file that cannot be read or holds anything else.
    """
    if file is None:
        return dict(BUILT_IN)
    try:
        own = _FILE.validate_json(file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"FANFARE_IMAGE_PRESETS_FILE cannot be read: {error}") from error
    except ValidationError as error:
        raise ConfigurationError(f"FANFARE_IMAGE_PRESETS_FILE {file} is wrong: {_first(error)}") from error
    if wrong := [name for name in own if not re.fullmatch(SLUG, name)]:
        raise ConfigurationError(
            f"FANFARE_IMAGE_PRESETS_FILE {file}: {wrong[0]!r} is no preset's name; use a-z, 0-9, _ and -, at most 40"
        )
    return {**BUILT_IN, **own}


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]

"""The settings of images that more than one service reads."""

from pathlib import Path

from pydantic import Field

from fanfare_shared.settings import Settings


class ImageSizeSettings(Settings):
    """What the api takes in and the worker opens."""

    image_max_bytes: int = Field(
        default=104_857_600, ge=1024, description="The largest file that is taken for an image, in bytes"
    )


class ImagePriceSettings(Settings):
    """Where an image's work stands: planned by its price where that is known, moved by the worker where it finds out."""

    image_heavy_bytes: int = Field(
        default=134_217_728,
        ge=1_048_576,
        description="An image whose decoding takes more memory than this, by its header, is worked on in `images.heavy`",
    )


class ImagePresetSettings(Settings):
    image_presets_file: Path | None = Field(
        default=None, description='Pipelines of your own by name, as JSON: {"name": {"variants": [...]}}'
    )

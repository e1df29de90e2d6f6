"""The image formats: what each is called, and which one a variant is written in."""

from dataclasses import dataclass
from enum import StrEnum


class ImageFormat(StrEnum):
    """What an original can be."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    AVIF = "avif"
    TIFF = "tiff"
    HEIC = "heic"


class OutputFormat(StrEnum):
    """What a variant can ask for. ORIGINAL: the original's own format where it is one of these, else JPEG."""

    ORIGINAL = "original"
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    GIF = "gif"


@dataclass(frozen=True, slots=True)
class FormatFacts:
    """`extension` with its dot. `has_alpha`: transparency can be written. `is_animated`: several frames can."""

    media_type: str
    extension: str
    has_alpha: bool
    is_animated: bool


FACTS: dict[ImageFormat, FormatFacts] = {
    ImageFormat.JPEG: FormatFacts("image/jpeg", ".jpg", has_alpha=False, is_animated=False),
    ImageFormat.PNG: FormatFacts("image/png", ".png", has_alpha=True, is_animated=False),
    ImageFormat.WEBP: FormatFacts("image/webp", ".webp", has_alpha=True, is_animated=True),
    ImageFormat.GIF: FormatFacts("image/gif", ".gif", has_alpha=True, is_animated=True),
    ImageFormat.AVIF: FormatFacts("image/avif", ".avif", has_alpha=True, is_animated=False),
    ImageFormat.TIFF: FormatFacts("image/tiff", ".tiff", has_alpha=True, is_animated=False),
    ImageFormat.HEIC: FormatFacts("image/heic", ".heic", has_alpha=True, is_animated=False),
}


_WRITABLE = frozenset(ImageFormat(wanted.value) for wanted in OutputFormat if wanted is not OutputFormat.ORIGINAL)


def written_format(original: ImageFormat, wanted: OutputFormat) -> ImageFormat:
    """The format that a variant of an `original` is written in."""
    if wanted is not OutputFormat.ORIGINAL:
        return ImageFormat(wanted.value)
    return original if original in _WRITABLE else ImageFormat.JPEG

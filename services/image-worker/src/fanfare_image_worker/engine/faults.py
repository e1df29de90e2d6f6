"""What libvips says, as an error of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyvips

from fanfare_shared.errors import (
    ImageCorruptError,
    ImageEncodeFailedError,
    ImageOutOfMemoryError,
    ImageRejectedError,
    ImageTooManyPixelsError,
)

# libvips, libjpeg, libpng, libwebp, nsgif and libheif each have their own words for it.
_OUT_OF_MEMORY = (
    "out of memory",
    "insufficient memory",
    "memory allocation error",
    "unable to allocate",
    "not enough memory",
    "error creating thread",
)
_TOO_LARGE = ("maximum supported image dimension", "image too large", "exceeds user limit")
# The first words of what the savers report.
_ENCODERS = ("jpegsave", "pngsave", "webpsave", "heifsave", "gifsave", "vips2jpeg", "vips2png", "cgif", "quantise")


@contextmanager
def told(otherwise: type[ImageRejectedError] = ImageCorruptError) -> Iterator[None]:
    """Turns libvips' error into one of the tree; what its words do not tell is `otherwise`.

    Decoding is lazy: a damaged file is often found only by the encoder that pulls its pixels.
    """
    try:
        yield
    except MemoryError as error:
        raise ImageOutOfMemoryError from error
    except pyvips.Error as error:
        words = str(error).lower()
        raise _kind(words, otherwise)(_reason(error, otherwise)) from error


def _kind(words: str, otherwise: type[ImageRejectedError]) -> type[ImageRejectedError]:
    if any(phrase in words for phrase in _OUT_OF_MEMORY):
        return ImageOutOfMemoryError
    if any(phrase in words for phrase in _TOO_LARGE):
        return ImageTooManyPixelsError
    if any(f"\n  {encoder}" in words for encoder in _ENCODERS):
        return ImageEncodeFailedError
    return otherwise


def _reason(error: pyvips.Error, otherwise: type[ImageRejectedError]) -> str:
    """The title and the first line of libvips' own words, which name the fault best."""
    kind = _kind(str(error).lower(), otherwise)
    lines = [line.strip() for line in str(error.detail).splitlines() if line.strip()]
    return f"{kind.title}: {lines[0][:200]}" if lines else kind.title

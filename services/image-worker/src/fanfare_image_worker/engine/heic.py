"""HEIC photos, through libheif: the libvips wheel has no decoder for them."""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyvips
from pi_heif import options
from pi_heif.heif import HeifFile, open_heif

from fanfare_shared.errors import (
    ImageCorruptError,
    ImageOutOfMemoryError,
    ImageTooManyPixelsError,
    ImageTypeUnsupportedError,
)

_INTERPRETATIONS = {"L": "b-w", "LA": "b-w", "RGB": "srgb", "RGBA": "srgb"}

options.DECODE_THREADS = 1


def open_heic(data: bytes | Path) -> HeifFile:
    """The primary photo, upright; nothing is decoded yet. `size` and `mode` are of it."""
    with _told():
        file = open_heif(data if isinstance(data, Path) else io.BytesIO(data), convert_hdr_to_8bit=True)
        mode = file.mode
    if mode not in _INTERPRETATIONS:
        raise ImageTypeUnsupportedError(f"HEIC photos of the kind {mode} are not taken: export it as JPEG")
    return file


def bands_of(file: HeifFile) -> int:
    return len(file.mode)


def decode_heic(data: bytes | Path) -> pyvips.Image:
    """The pixels, with the photo's profile and EXIF."""
    file = open_heic(data)
    bands = bands_of(file)
    with _told():
        pixels = file.data
        stride = file.stride
    width, height = file.size
    image = pyvips.Image.new_from_memory(pixels, stride // bands, height, bands, "uchar")
    image = image.crop(0, 0, width, height).copy(interpretation=_INTERPRETATIONS[file.mode])
    for field, name in (("icc-profile-data", "icc_profile"), ("exif-data", "exif")):
        if blob := file.info.get(name):
            image.set_type(pyvips.GValue.blob_type, field, blob)
    # The pixels are libheif's: they must not go before the image does.
    return image.copy_memory()


@contextmanager
def _told() -> Iterator[None]:
    """What pi_heif raises, as errors of the tree: what is documented, and what its own parsing trips over (found by fuzzing)."""
    try:
        yield
    except (OSError, MemoryError) as error:
        raise ImageOutOfMemoryError from error
    except (ValueError, EOFError, SyntaxError, RuntimeError, LookupError, TypeError, struct.error) as error:
        words = str(error).lower()
        if "memory" in words:
            raise ImageOutOfMemoryError from error
        kind = ImageTooManyPixelsError if "security limit" in words else ImageCorruptError
        raise kind(f"{kind.title}: {str(error)[:200]}") from error

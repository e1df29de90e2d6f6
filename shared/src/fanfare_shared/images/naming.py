"""What a variant is stored under, and what it is called when downloaded."""

import hashlib
import re
from pathlib import PurePosixPath
from typing import Any

import orjson
from pydantic import BaseModel

from fanfare_shared.images.formats import FACTS, ImageFormat
from fanfare_shared.images.pipeline import Variant

ENGINE_VERSION = 1
"""Raised whenever the engine would make other bytes of the same variant, or a default of the pipeline changes."""

MAX_NAME_BYTES = 255
"""The longest file name that common file systems take."""

_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\]")


def output_key(
    original_digest: bytes, variant: Variant, written: ImageFormat, watermark_digest: bytes | None = None
) -> str:
    """`variants/ab/ab….jpg`: the same for the same work, whatever the variant is called and whoever asks.

    `watermark_digest`: of the original that `variant.watermark.image_id` names. Raises ValueError where the two disagree.
    """
    needs_digest = variant.watermark is not None and variant.watermark.image_id is not None
    if needs_digest != (watermark_digest is not None):
        raise ValueError("watermark_digest goes with a watermark's image_id")
    content = _said(variant, {"name", "resize", "thumbnail", "watermark", "format"}) | {
        "geometry": _said(variant.geometry),
        "format": written.value,
        "source": original_digest.hex(),
        # A watermark's image is known by its content, like the source.
        "watermark": _said(variant.watermark, {"image_id"}),
        "watermark_source": watermark_digest and watermark_digest.hex(),
        "engine": ENGINE_VERSION,
    }
    name = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return f"variants/{name[:2]}/{name}{FACTS[written].extension}"


def _said(model: BaseModel | None, exclude: set[str] | None = None) -> dict[str, Any]:
    """What `model` says beyond its defaults: so a field that is added later changes no key."""
    return {} if model is None else model.model_dump(mode="json", exclude=exclude, exclude_defaults=True)


def download_name(original_name: str, variant_name: str, extension: str) -> str:
    """`photo.png` and `resized` give `photo_resized.jpg` for `.jpg`; at most 255 bytes of UTF-8, without path separators."""
    stem = _UNSAFE.sub("_", PurePosixPath(original_name).stem) or "image"
    ending = f"_{variant_name}{extension}"
    room = MAX_NAME_BYTES - len(ending.encode())
    return stem.encode("utf-8", "replace")[:room].decode("utf-8", "ignore") + ending

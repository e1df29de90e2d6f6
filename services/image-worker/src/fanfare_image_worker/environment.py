"""What libvips and malloc read before they begin. It is set from inside, so that no way of starting the worker forgets it."""

import ctypes
import os

_VIPS = {
    # Children are the concurrency; threads within an image cost more than they bring (measured).
    "VIPS_CONCURRENCY": "1",
    # SVG, PDF, ImageMagick, raw photos and the like: loaders that libvips' authors do not trust with hostile files.
    "VIPS_BLOCK_UNTRUSTED": "1",
}
# glibc's malloc.h; what MALLOC_ARENA_MAX sets, which is read too early for a process to set it for itself.
_M_ARENA_MAX = -8
_ARENAS = 2


def prepare() -> None:
    """Before the first import of pyvips. What the environment says already stands. Children inherit it all."""
    for name, value in _VIPS.items():
        os.environ.setdefault(name, value)
    if "MALLOC_ARENA_MAX" not in os.environ and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_ARENA_MAX, _ARENAS)

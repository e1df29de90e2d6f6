"""A worker's child process, before its first image."""

import resource
from pathlib import Path

import pyvips

_STATM = Path("/proc/self/statm")


def configure(memory_limit_bytes: int = 0) -> None:
    """Once in each child, after the fork: libvips used before it hangs in the child.

    `memory_limit_bytes`: what may be added to the address space (`RLIMIT_AS`) before a decode ends in
    ImageOutOfMemoryError; 0 for no limit.
    """
    # libvips would keep the last operations' pixels for their next use, which never comes.
    pyvips.cache_set_max(0)
    if memory_limit_bytes:
        limit = _address_space() + memory_limit_bytes
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _address_space() -> int:
    """Bytes this process has mapped."""
    return int(_STATM.read_text().split()[0]) * resource.getpagesize()

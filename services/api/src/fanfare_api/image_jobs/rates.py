"""A rate as callers write it: `5/s`, `10/m`, `600/h`."""

import re

_RATE = re.compile(r"([1-9][0-9]{0,5})/([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def check_rate(rate: str) -> str:
    """Raises ValueError."""
    if not _RATE.fullmatch(rate):
        raise ValueError("give images per second, minute or hour: 5/s, 10/m or 600/h")
    return rate


def seconds_per_item(rate: str) -> float:
    """Of a rate that was checked."""
    match = _RATE.fullmatch(rate)
    assert match is not None  # noqa: S101 - for the type; it was checked
    return _SECONDS[match[2]] / int(match[1])

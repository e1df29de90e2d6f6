"""Waiting for what announces itself by no event: polled, with a deadline, and an error that says what was waited for."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(what: str, look: Callable[[], T | None], seconds: float, every: float = 0.05) -> T:
    """The first true value of `look()`. Raises TimeoutError, with the last value, after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}; last seen: {value!r}")
        time.sleep(every)


def wait_until(holds: Callable[[], bool], what: str, *, within: float = 60.0) -> None:
    """Looks every 50 ms; an AssertionError that says `what` did not come after `within` seconds.

    The bound is there so that a hang fails, not to measure: a busy machine takes many times as long as an idle one.
    """
    try:
        until(what, holds, within)
    except TimeoutError as error:
        raise AssertionError(str(error)) from None

"""The hard limit of the time that one image takes: its process is killed, inside libvips' C code too."""

import signal
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


class TimeLimit:
    """`left` is what remains of an image's time. Nothing else in the process may use SIGALRM.

    SIGALRM is left to do what it does by itself, which is to kill: a handler in Python would only run after the C call.
    """

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def __enter__(self) -> None:
        self._began = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, max(self.left, 1e-3))

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        self.left -= time.monotonic() - self._began

    def over(self, values: Iterable[T]) -> Iterator[T]:
        """The values, each made within what is left; what is done with them in between takes nothing of it."""
        remaining = iter(values)
        while True:
            with self:
                value = next(remaining, _END)
            if value is _END:
                return
            yield value  # type: ignore[misc] # it is not _END


def let_alarms_kill() -> None:
    """Once in each child: billiard sets a handler for every signal that ends a process."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


_END = object()

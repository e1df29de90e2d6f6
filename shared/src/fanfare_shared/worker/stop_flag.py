"""Stopping a worker: its children learn of it, finish what is under way, and give the rest back."""

import mmap
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from celery import signals


class StopFlag:
    """Shared by the worker's main process, which learns of a shutdown, and its children, which work."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)  # anonymous and shared across the fork
        self._is_terminated = False
        self._is_busy = False

    @property
    def is_set(self) -> bool:
        return self._is_terminated or self._shared[0] != 0

    def set(self) -> None:
        self._shared[0] = 1

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Work that SIGTERM must not cut short. Exits the process afterwards if it came meanwhile."""
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False
            if self._is_terminated:
                raise SystemExit(0)

    def terminate(self, *_: object) -> None:
        """A child's handler of SIGTERM."""
        self._is_terminated = True
        if not self._is_busy:
            raise SystemExit(0)


def watch_for_shutdown(flag: StopFlag) -> None:
    """Sets the flag at the first sign of a shutdown: in the main process, or as SIGTERM in a child."""
    signals.worker_shutting_down.connect(lambda **_: flag.set(), weak=False)
    signals.worker_process_init.connect(lambda **_: signal.signal(signal.SIGTERM, flag.terminate), weak=False)

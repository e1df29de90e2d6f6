"""Stopping a worker: its children learn of it, finish what is under way, and give the rest back."""

import mmap
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from celery import signals

_Handler = Callable[[int, FrameType | None], Any]


class StopFlag:
    """Shared by the worker's main process, which learns of a shutdown, and its children, which work."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)  # anonymous and shared across the fork
        self._is_child = False
        self._is_terminated = False
        self._is_busy = False
        self._leave: _Handler | None = None

    @property
    def is_set(self) -> bool:
        return self._is_terminated or self._shared[0] != 0

    def set(self) -> None:
        self._shared[0] = 1

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Work that SIGTERM must not cut short. Leaves the process afterwards if it came meanwhile, to a child."""
        self._take_over_sigterm()
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False
            if self._is_terminated and self._leave is not None:
                self._leave(signal.SIGTERM, None)

    def in_child(self) -> None:
        self._is_child = True

    def _take_over_sigterm(self) -> None:
        """At the first work, for billiard sets its own handler after a child's initialisation."""
        if self._is_child and self._leave is None:
            previous = signal.signal(signal.SIGTERM, self._terminate)
            self._leave = previous if callable(previous) else _exit

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self._is_terminated = True
        if not self._is_busy and self._leave is not None:
            self._leave(number, frame)


def _exit(*_: object) -> None:
    raise SystemExit(0)


def watch_for_shutdown(flag: StopFlag) -> None:
    """Sets the flag at the first sign of a shutdown: in the main process, or as SIGTERM in a child that works."""
    signals.worker_shutting_down.connect(lambda **_: flag.set(), weak=False)
    signals.worker_process_init.connect(lambda **_: flag.in_child(), weak=False)

"""What each child process has of its own: connections, clients and event loops, opened after the fork."""

import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerChild(Generic[T]):
    """A value made when first asked for, and made anew in a process that was forked since."""

    def __init__(self, factory: Callable[[], T]) -> None:
        self._factory = factory
        self._made: dict[int, T] = {}

    def __call__(self) -> T:
        pid = os.getpid()
        if pid not in self._made:
            # What was inherited stays referenced: collecting it here would close the parent's connection.
            self._made[pid] = self._factory()
        return self._made[pid]


def per_child(factory: Callable[[], T]) -> PerChild[T]:
    """Wraps what is to be opened once in each child, after the fork:

    `ledger = per_child(lambda: Ledger(settings, "push-worker"))` at import, `ledger()` wherever it is needed.
    """
    return PerChild(factory)

"""A companion's own side: when to stop."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial

_PARENT_CHECK_SECONDS = 1.0


def stop_event() -> threading.Event:
    """Set by SIGTERM, SIGINT and SIGQUIT, and when the process that started this one is gone. Call in the main thread.

    The worker's pid is the first argument; without one, a companion that was started by hand, only a signal counts.
    """
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(signum, lambda *_: stop.set())
    if len(sys.argv) > 1:
        threading.Thread(target=_watch_parent, args=(int(sys.argv[1]), stop, stop.set), daemon=True).start()
    return stop


def end_with_parent() -> None:
    """For a companion with signal handlers of its own: SIGTERM to itself when the process that started it is gone."""
    if len(sys.argv) > 1:
        terminate = partial(os.kill, os.getpid(), signal.SIGTERM)
        threading.Thread(
            target=_watch_parent, args=(int(sys.argv[1]), threading.Event(), terminate), daemon=True
        ).start()


def _watch_parent(parent: int, stop: threading.Event, when_gone: Callable[[], None]) -> None:
    while not stop.wait(_PARENT_CHECK_SECONDS):
        if os.getppid() != parent:
            when_gone()
            return

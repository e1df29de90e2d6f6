"""A shutdown with an end: what runs may finish and is acknowledged; what does not in time goes back to its queue.

Celery's warm shutdown has no end. Its soft shutdown (`worker_soft_shutdown_timeout`) has one, but sleeps through it with
the event loop stopped, so that messages finished meanwhile are not acknowledged and come again. Here SIGTERM begins a
warm shutdown, and a timer makes it a cold one.
"""

import os
import signal
import threading

from celery import signals

from fanfare_shared.logs import get_logger

log = get_logger(__name__)


def bound_shutdown(seconds: float) -> None:
    """Turns this process's warm shutdown, once it begins, into a cold one after so many seconds."""

    def begin(how: str, **_: object) -> None:
        log.info("shutting down", how=how)
        if how == "Warm":
            timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGQUIT))
            timer.daemon = True
            timer.start()

    signals.worker_shutting_down.connect(begin, weak=False)

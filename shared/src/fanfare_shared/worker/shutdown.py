"""A shutdown with an end: what runs may finish and is acknowledged; what does not in time goes back to its queue.

Celery's warm shutdown has no end. Its soft shutdown (`worker_soft_shutdown_timeout`) has one, but sleeps through it with
the event loop stopped, so that messages finished meanwhile are not acknowledged and come again. Here SIGTERM begins a
warm shutdown, and a timer makes it a cold one.
"""

import os
import signal
import socket
import threading
from typing import Any, ClassVar

from celery import Celery, bootsteps, signals
from celery.worker.consumer.tasks import Tasks

from fanfare_shared.logs import get_logger

log = get_logger(__name__)


def bound_shutdown(app: Celery, seconds: float) -> None:
    """Lets SIGTERM begin a warm shutdown at once, and turns it into a cold one after so many seconds."""
    app.steps["consumer"].add(_WakeUp)

    def begin(how: str, **_: object) -> None:
        log.info("shutting down", how=how)
        if how == "Warm":
            timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGQUIT))
            timer.daemon = True
            timer.start()

    signals.worker_shutting_down.connect(begin, weak=False)


class _WakeUp(bootsteps.StartStopStep):
    """A signal wakes the event loop, which would sleep on until its next timer, some seconds later."""

    requires: ClassVar[set[Any]] = {Tasks}

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)

    def start(self, consumer: Any) -> None:
        consumer.hub.add_reader(self._woken, self._woken.recv, 4096)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)

"""Hints leave after the commit, on threads of their own: no request waits for the broker, and none fails with it."""

import contextvars
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from fanfare_shared.contracts.messages import Message
from fanfare_shared.logs import get_logger
from fanfare_shared.metrics import hints
from fanfare_shared.worker.causes import ids_of
from fanfare_shared.worker.publisher import Publisher

log = get_logger(__name__)

_THREADS = 2
# What may wait for a slow broker; beyond it the sweep, which finds the rows anyway, is left to repeat the hints.
_WAITING_AT_MOST = 1000


class HintSender:
    """Publishes on a few threads. `close` gives up what the broker has not taken; the ledger has it."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="hints")
        self._room = threading.BoundedSemaphore(_WAITING_AT_MOST)

    def send(self, messages: Sequence[Message]) -> None:
        """Returns at once."""
        if not messages:
            return
        for message in messages:
            log.info("work committed; its hint follows", task=message.task, **ids_of(message))
        if not self._room.acquire(blocking=False):
            log.warning("hints dropped: too many wait for the broker", dropped=len(messages))
            for message in messages:
                hints.labels(message.task, "unpublished").inc()
            return
        # With the request's context: its trace and its id.
        run = contextvars.copy_context().run
        self._executor.submit(run, self._publisher.hint, messages).add_done_callback(self._done)

    def close(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _done(self, _future: "Future[int]") -> None:
        self._room.release()

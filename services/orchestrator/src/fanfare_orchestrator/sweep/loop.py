"""The loop: every second, and at once while a sweeper has left something."""

import time
from collections.abc import Callable, Sequence
from threading import Event

from fanfare_orchestrator.context import Context
from fanfare_orchestrator.sweep.sweepers import TICK_SECONDS, Sweeper
from fanfare_shared.errors import LedgerUnavailableError
from fanfare_shared.logs import get_logger
from fanfare_shared.metrics import sweep_last_turn

log = get_logger(__name__)


class Sweep:
    """Runs sweepers over one ledger. `broker_answers` is asked before one that only publishes hints."""

    def __init__(self, context: Context, sweepers: Sequence[Sweeper], broker_answers: Callable[[], bool]) -> None:
        self._context = context
        self._next = dict.fromkeys(sweepers, 0.0)
        self._broker_answers = broker_answers

    def run(self, stop: Event) -> None:
        """Returns once `stop` is set. Outlives PostgreSQL and RabbitMQ."""
        while not stop.is_set():
            if not self.tick():
                stop.wait(TICK_SECONDS)

    def tick(self) -> bool:
        """Runs every sweeper that is due; whether one of them left something."""
        left = False
        for sweeper, moment in self._next.items():
            if moment > time.monotonic():
                continue
            self._next[sweeper] = time.monotonic() + sweeper.seconds * 0.9  # a tick is not late by its own length
            if sweeper.hints and not self._broker_answers():
                continue
            try:
                more = sweeper.sweep(self._context)
            except LedgerUnavailableError as error:
                log.warning("the ledger does not answer: trying again", sweeper=sweeper.name, error=error.detail)
                continue
            except Exception:
                # The border of a sweeper: what one stumbles over must not stop the others' clock.
                log.exception("a sweeper failed", sweeper=sweeper.name)
                continue
            sweep_last_turn.labels(sweeper.name).set_to_current_time()
            if more:
                self._next[sweeper] = 0.0
                left = True
        return left

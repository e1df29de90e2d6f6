"""The batches a process sends one behind the other: while the last requests of one are answered, the next begins.

A batch that drained before the next began would leave the window empty for a round trip to FCM every batch. The first
batch comes with a message; the next ones are taken straight from the ledger, as long as the task may last. Their own
messages find them claimed, and are acknowledged.
"""

import time
from collections.abc import Callable

from fanfare_push_worker.sending.sender import LONGEST_TURN_SECONDS, Ending, Sender
from fanfare_push_worker.transport import Transport
from fanfare_shared.errors import LeaseLostError
from fanfare_shared.logs import get_logger

FOLLOW_SECONDS = 2.0
"""How long a task takes on more batches of its campaign before the queue decides again whose turn it is."""

log = get_logger(__name__)


class Line:
    """`take_next` claims the next batch, or says that there is none; `ended` hears of every ending."""

    def __init__(
        self, transport: Transport, take_next: Callable[[], Sender | None], ended: Callable[[Ending], None]
    ) -> None:
        self._transport = transport
        self._take_next = take_next
        self._ended = ended
        self._senders: list[Sender] = []
        self._follow_until = time.monotonic() + FOLLOW_SECONDS

    def run(self, first: Sender) -> None:
        """Returns when every batch taken is closed, given back, or another worker's."""
        self._senders.append(first)
        try:
            while self._senders:
                self._step()
                self._transport.turn(self._longest_turn())
                self._end_what_is_drained()
        finally:
            if self._senders:
                self._transport.close_all()

    def _step(self) -> None:
        for sender in list(self._senders):
            try:
                if sender.halt_if_lapsed():
                    self._transport.close_all()
                sender.step(self._exposed_elsewhere(sender))
            except LeaseLostError as error:
                self._lose(sender, error)
        if len(self._senders) == 1 and not self._senders[0].has_more:
            self._follow(self._senders[0])

    def _follow(self, last: Sender) -> None:
        """The last batch has all its requests under way: the next may begin."""
        if last.is_stopped or time.monotonic() >= self._follow_until:
            return
        following = self._take_next()
        if following is None:
            self._follow_until = 0.0
            return
        self._senders.append(following)

    def _longest_turn(self) -> float:
        return min(
            (sender.longest_turn(self._exposed_elsewhere(sender)) for sender in self._senders),
            default=LONGEST_TURN_SECONDS,
        )

    def _exposed_elsewhere(self, sender: Sender) -> int:
        return sum(other.exposed for other in self._senders if other is not sender)

    def _end_what_is_drained(self) -> None:
        for sender in list(self._senders):
            try:
                if sender.is_drained:
                    self._end(sender)
                elif not sender.has_more and len(self._senders) > 1:
                    sender.make_room()
            except LeaseLostError as error:
                self._lose(sender, error)

    def _end(self, sender: Sender) -> None:
        ending = sender.finish()
        if ending is not None:
            self._remove(sender, ending)

    def _lose(self, sender: Sender, error: LeaseLostError) -> None:
        """Sockets first: nothing of a lost batch may leave any more. Nothing of it is written either."""
        self._transport.close_all()
        log.warning("lease lost", error=error.detail, **sender.ids)
        self._remove(sender, Ending.LOST)

    def _remove(self, sender: Sender, ending: Ending) -> None:
        self._senders.remove(sender)
        sender.tell(ending)
        self._ended(ending)

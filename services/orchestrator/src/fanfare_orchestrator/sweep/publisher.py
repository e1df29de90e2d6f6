"""The sweep's publisher: it knows when the broker is away, so that what is due stays due instead of being given up."""

from collections.abc import Iterable

from celery import Celery
from kombu.exceptions import OperationalError

from fanfare_shared.contracts.messages import Message
from fanfare_shared.worker.publisher import Publisher

_CONNECT_TIMEOUT_SECONDS = 2


class SweepPublisher(Publisher):
    """A Publisher that stops trying once the broker did not take a hint, until `broker_answers` finds it back."""

    def __init__(self, app: Celery) -> None:
        super().__init__(app)
        self._celery = app
        self._is_away = False

    def hint(self, messages: Iterable[Message]) -> int:
        wanted = list(messages)
        if self._is_away or not wanted:
            return 0
        published = super().hint(wanted)
        self._is_away = published < len(wanted)
        return published

    def broker_answers(self) -> bool:
        """True unless the last hint failed and the broker cannot be connected to now either."""
        if self._is_away:
            self._is_away = not self._can_connect()
        return not self._is_away

    def _can_connect(self) -> bool:
        try:
            with self._celery.connection_for_write(connect_timeout=_CONNECT_TIMEOUT_SECONDS) as connection:
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=_CONNECT_TIMEOUT_SECONDS)
        except (OperationalError, OSError):
            return False
        return True

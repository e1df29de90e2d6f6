"""Takes messages from the `dead` queue: a row in the ledger first, then the acknowledgement. Raw kombu, for a dead
message need not be a task's.

A crash between the two lists a message twice, which does no harm; the other order could lose it. While PostgreSQL is
away the message stays unacknowledged, and is tried again.
"""

from contextlib import suppress
from threading import Event

from amqp.exceptions import AMQPError
from celery import Celery
from kombu import Consumer, Queue
from kombu.exceptions import KombuError
from kombu.message import Message

from fanfare_orchestrator.dead_letters.letters import insert_letter, read_letter
from fanfare_shared.contracts.queues import Queue as QueueName
from fanfare_shared.db.connection import Ledger
from fanfare_shared.errors import LedgerUnavailableError
from fanfare_shared.logs import get_logger
from fanfare_shared.metrics import dead_letters

_POLL_SECONDS = 1.0
_PAUSE_SECONDS = 3.0
_UNKNOWN = "unknown"

log = get_logger(__name__)


class DeadLetterConsumer:
    """One at a time: dead letters are rare, and their order is worth keeping."""

    def __init__(self, app: Celery, ledger: Ledger) -> None:
        self._app = app
        self._ledger = ledger
        for queue in (*(queue.value for queue in QueueName), _UNKNOWN):
            dead_letters.labels(queue)  # from 0, else the first would be no increase

    def run(self, stop: Event) -> None:
        """Returns once `stop` is set. Outlives RabbitMQ and PostgreSQL."""
        while not stop.is_set():
            try:
                self._consume(stop)
            except LedgerUnavailableError as error:
                log.warning("dead letters wait: the ledger does not answer", error=error.detail)
                stop.wait(_PAUSE_SECONDS)
            except (KombuError, AMQPError, OSError) as error:
                log.warning("dead letters wait: RabbitMQ does not answer", error=type(error).__name__)
                stop.wait(_PAUSE_SECONDS)

    def _consume(self, stop: Event) -> None:
        """Until `stop`, or an error; closing the connection then gives the message back to the queue."""
        with self._app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1)
            queue = Queue(QueueName.DEAD.value, no_declare=True)
            consumer = Consumer(connection, [queue], on_message=self._keep, prefetch_count=1, auto_declare=False)
            with consumer:
                while not stop.is_set():
                    connection.heartbeat_check()
                    with suppress(TimeoutError):
                        connection.drain_events(timeout=_POLL_SECONDS)

    def _keep(self, message: Message) -> None:
        letter = read_letter(message.headers or {}, message.body)
        with self._ledger.statement() as connection:
            insert_letter(connection, letter)
        message.ack()
        # The name comes from the message's own headers.
        dead_letters.labels(letter.queue if letter.queue in set(QueueName) else _UNKNOWN).inc()
        log.error("dead letter", dead_queue=letter.queue, dead_task=letter.task, reason=letter.reason)

"""Publishing a message: by the task's name, confirmed by the broker, and never importing the task.

A message is a hint, so publishing is best effort: what cannot be published is logged and left to the sweep. Every
wait has an end, also when the broker is blocked by a memory alarm or its address swallows packets. It needs `write` on
the default exchange (`amq.default`) and nothing else.
"""

from collections.abc import Iterable

from amqp.exceptions import AMQPError, ChannelError, MessageNacked
from celery import Celery
from kombu import Producer
from kombu.exceptions import KombuError, LimitExceeded, OperationalError

from fanfare_shared import tracing
from fanfare_shared.contracts.messages import Message
from fanfare_shared.errors import BrokerUnavailableError, MessageUnroutableError
from fanfare_shared.logs import get_logger
from fanfare_shared.metrics import hints
from fanfare_shared.tracing import Kind
from fanfare_shared.worker.app import CONFIRM_TIMEOUT_SECONDS
from fanfare_shared.worker.causes import ids_of, is_caused_by_present_work, with_request_id

# AMQP's reply code to a mandatory message that no queue takes.
_NO_ROUTE = 312
_FAILURES = (KombuError, AMQPError, MessageNacked, OSError)

log = get_logger(__name__)


class Publisher:
    """Publishes with confirms and `mandatory`. One per process; any thread may use it, and so may a forked child.

    Connections are pooled and kept; a message costs about 1 ms. One that failed is never used again, because a confirm
    that comes late would be taken for the next message's.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app

    def publish(self, message: Message) -> None:
        """Returns when the broker has confirmed.

        Raises BrokerUnavailableError within some seconds when it does not, and MessageUnroutableError when there is no
        such queue.
        """
        try:
            producer = self._app.producer_pool.acquire(block=True, timeout=CONFIRM_TIMEOUT_SECONDS)
        except LimitExceeded as error:
            raise BrokerUnavailableError("RabbitMQ: every connection is waiting") from error
        try:
            if not is_caused_by_present_work(message):
                self._publish_reconnecting(producer, message, {})
                return
            with tracing.span(f"publish {message.task}", Kind.PRODUCER):
                tracing.annotate(queue=message.queue.value, **ids_of(message))
                self._publish_reconnecting(producer, with_request_id(message), tracing.headers())
        finally:
            producer.release()

    def hint(self, messages: Iterable[Message]) -> int:
        """Publishes until the broker fails; how many were. The rest is the sweep's to repeat."""
        published = 0
        for message in messages:
            try:
                self.publish(message)
            except BrokerUnavailableError as error:
                log.warning("hint not published; the sweep will repeat it", task=message.task, error=error.detail)
                hints.labels(message.task, "unpublished").inc()
                break
            except MessageUnroutableError as error:
                log.error("hint has no queue", task=message.task, error=error.detail)  # noqa: TRY400 - no traceback
                hints.labels(message.task, "unroutable").inc()
                continue
            hints.labels(message.task, "published").inc()
            published += 1
        return published

    def _publish_reconnecting(self, producer: Producer, message: Message, headers: dict[str, str]) -> None:
        """A kept connection may have been closed meanwhile, by a restarted broker; a fresh one gets a second try."""
        kept = producer.connection.connected
        try:
            self._publish_once(producer, message, headers)
        except BrokerUnavailableError as error:
            if not kept or isinstance(error.__cause__, TimeoutError):
                raise
            self._publish_once(producer, message, headers)

    def _publish_once(self, producer: Producer, message: Message, headers: dict[str, str]) -> None:
        connection = producer.connection
        try:
            connection.ensure_connection(max_retries=1, interval_start=0)
            self._app.send_task(
                message.task,
                kwargs={"message": message.model_dump(mode="json")},
                queue=message.queue.value,
                headers=headers,
                producer=producer,
                mandatory=True,
                retry=False,
                ignore_result=True,
                timeout=CONFIRM_TIMEOUT_SECONDS,
                confirm_timeout=CONFIRM_TIMEOUT_SECONDS,
            )
        except _FAILURES as error:
            connection.collect()
            producer.revive(connection)
            cause = error.__cause__ if isinstance(error, OperationalError) else error
            if isinstance(cause, ChannelError) and cause.reply_code == _NO_ROUTE:
                raise MessageUnroutableError(f"no queue {message.queue.value} on RabbitMQ") from cause
            raise BrokerUnavailableError(f"RabbitMQ: {type(cause).__name__}") from cause

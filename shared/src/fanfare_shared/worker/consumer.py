"""The consumer: what cannot be handled is dead-lettered, never lost, and Celery declares nothing on the broker."""

from collections.abc import Callable
from typing import Any

from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown
from kombu import Connection
from kombu.exceptions import ContentDisallowed, DecodeError
from kombu.message import Message
from pydantic import ValidationError

from fanfare_shared.logs import get_logger
from fanfare_shared.worker.envelope import check_envelope
from fanfare_shared.worker.task import FanfareTask

# Celery's own queues for delayed delivery, 28 of them: what is to happen later is a row in the ledger.
_DELAYED_DELIVERY = "celery.worker.consumer.delayed_delivery:DelayedDelivery"

log = get_logger(__name__)


class FanfareConsumer(Consumer):
    """Rejects, without requeueing, every message that no task of this worker can take. Bodies are never logged."""

    class Blueprint(Consumer.Blueprint):
        default_steps = tuple(step for step in Consumer.Blueprint.default_steps if step != _DELAYED_DELIVERY)

    def ensure_connected(self, connection: Connection) -> Connection:
        """Tries without limit, and shows that it lives meanwhile."""

        def wait() -> None:
            self.app.heartbeat.beat()
            maybe_shutdown()

        def tell(error: Exception, interval: float) -> None:
            log.error("RabbitMQ does not answer", error=type(error).__name__, next_attempt_seconds=interval)

        return connection.ensure_connection(tell, max_retries=None, callback=wait)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Message], None]:
        take = super().create_task_handler(*args, **kwargs)

        def on_task_received(message: Message) -> None:
            try:
                check_envelope(message)
            except (ContentDisallowed, DecodeError, ValidationError) as error:
                self._dead_letter(message, "malformed", error)
            else:
                if isinstance(self.app.tasks.get(message.headers["task"]), FanfareTask):
                    take(message)
                else:  # Celery's own, such as celery.map, included
                    self._dead_letter(message, "unknown task")

        return on_task_received

    def on_decode_error(self, message: Message, exc: Exception) -> None:
        self._dead_letter(message, "undecodable", exc)

    def on_unknown_message(self, body: Any, message: Message) -> None:  # noqa: ARG002 - Celery's signature
        self._dead_letter(message, "not a task message")

    def on_unknown_task(self, body: Any, message: Message, exc: Exception) -> None:  # noqa: ARG002 - Celery's signature
        self._dead_letter(message, "unknown task", exc)

    def on_invalid_task(self, body: Any, message: Message, exc: Exception) -> None:  # noqa: ARG002 - Celery's signature
        self._dead_letter(message, "invalid task message", exc)

    def _dead_letter(self, message: Message, reason: str, error: Exception | None = None) -> None:
        log.error(
            "message rejected: it goes to the dead queue",
            reason=reason,
            error=type(error).__name__ if error else None,
            fields=_fields(error),
            task=str((message.headers or {}).get("task"))[:100],
            content_type=str(message.content_type)[:100],
            queue=(message.delivery_info or {}).get("routing_key"),
        )
        message.reject_log_error(_LoggerAdapter, self.connection_errors)


class _LoggerAdapter:
    """kombu's `reject_log_error` logs in the standard library's style."""

    @staticmethod
    def critical(message: str, *args: Any, **_: Any) -> None:
        log.error("rejecting failed: the broker will deliver the message again", error=message % args)


def _fields(error: Exception | None) -> list[str]:
    """Where a ValidationError found fault, without the values."""
    if not isinstance(error, ValidationError):
        return []
    return [".".join(map(str, fault["loc"])) for fault in error.errors()]

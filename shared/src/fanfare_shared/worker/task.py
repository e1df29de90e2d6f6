"""The one Task base class: validates the message, binds the log context, measures, and decides what an error means.

Errors are decided here and nowhere else:

- a retryable FanfareError (a server we need does not answer): acknowledged and dropped after a pause, because the
  ledger's sweep repeats every hint, and a message that came back at once would spin for as long as the outage lasts;
- anything else: rejected, and so moved to the `dead` queue by that queue's policy.
"""

import time
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import structlog
from celery import Celery, Task
from celery.exceptions import Reject
from pydantic import ValidationError

from fanfare_shared import tracing
from fanfare_shared.contracts.messages import Message
from fanfare_shared.errors import FanfareError, InvalidMessageError
from fanfare_shared.logs import get_logger
from fanfare_shared.metrics import task_duration
from fanfare_shared.tracing import Kind
from fanfare_shared.worker.causes import trace_of

M = TypeVar("M", bound=Message)
Handler = Callable[[M], None]

# Long enough that an outage does not empty the queues at full speed, short beside a soft shutdown.
OUTAGE_PAUSE_SECONDS = 1.0
# A message that fits no contract may hold anything where an id should be.
_ID_LENGTH = 64

log = get_logger(__name__)


class FanfareTask(Task):
    """Handles one kind of message. Made by `handles`."""

    abstract = True
    message_class: ClassVar[type[Message]]
    handler: ClassVar[Callable[[Any], None]]

    def run(self, *args: Any, **kwargs: Any) -> None:
        ids = self._ids(kwargs)
        parent = trace_of(self.request.get(tracing.TRACEPARENT), ids)
        with (
            structlog.contextvars.bound_contextvars(task=self.name, **ids),
            tracing.span(f"process {self.name}", Kind.CONSUMER, parent=parent, **ids) as span,
        ):
            started = time.perf_counter()
            error = self._attempt(args, kwargs)
            seconds = time.perf_counter() - started
            outcome = _outcome(error)
            task_duration.labels(self.name, outcome).observe(seconds)
            span.set(outcome=outcome)
            if error is not None:
                span.fail(outcome)
            self._decide(error, seconds)

    def _attempt(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exception | None:
        try:
            type(self).handler(self._message(args, kwargs))
        except Exception as error:  # noqa: BLE001 - the outermost border of a task
            return error
        return None

    def _decide(self, error: Exception | None, seconds: float) -> None:
        if error is None:
            log.info("task done", seconds=round(seconds, 4))
        elif isinstance(error, FanfareError) and error.retryable:
            log.warning("task dropped; the sweep will repeat it", error=error.detail, code=error.code)
            time.sleep(OUTAGE_PAUSE_SECONDS)
        else:
            log.error("task failed; its message goes to the dead queue", exc_info=error)
            raise Reject(type(error).__name__, requeue=False)

    def _message(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Message:
        if args or kwargs.keys() != {"message"}:
            raise InvalidMessageError("a task takes one keyword argument, `message`")
        try:
            return self.message_class.model_validate(kwargs["message"])
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
            raise InvalidMessageError(f"{self.message_class.__name__}: {faults}") from None

    def _ids(self, kwargs: dict[str, Any]) -> dict[str, str]:
        """The message's ids, for the log: request_id, campaign_id, batch_id and the like."""
        fields = kwargs.get("message")
        if not isinstance(fields, dict):
            return {}
        names = (name for name in self.message_class.model_fields if name.endswith("_id"))
        return {name: str(fields[name])[:_ID_LENGTH] for name in names if fields.get(name) is not None}


def handles(app: Celery, message_class: type[M], **options: Any) -> Callable[[Handler[M]], Handler[M]]:
    """Registers a typed handler under the message's task name. `options` are Celery's task options.

    The handler stays a plain function, to be called directly in a test.
    """

    def register(handler: Handler[M]) -> Handler[M]:
        attributes = {
            "name": message_class.task,
            "message_class": message_class,
            "handler": staticmethod(handler),
            "__module__": handler.__module__,
            "__doc__": handler.__doc__,
        }
        app.register_task(type(message_class.__name__, (FanfareTask,), attributes | options)())
        return handler

    return register


def _outcome(error: Exception | None) -> str:
    if error is None:
        return "success"
    return error.metric_label() if isinstance(error, FanfareError) else "crash"

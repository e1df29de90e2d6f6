"""What a message takes along of the work that publishes it: the id of the HTTP request, and the trace.

Both are what is bound and present where it is published. Only work on the same job is its cause: whoever dispatches one
campaign's batches also publishes those of others whose turn it is.
"""

from collections.abc import Mapping
from uuid import UUID

import structlog

from fanfare_shared import tracing
from fanfare_shared.contracts.messages import Message
from fanfare_shared.tracing import Headers

_JOBS = ("campaign_id", "job_id")


def ids_of(message: Message) -> dict[str, str]:
    """The message's own ids: `campaign_id`, `batch_id` and the like, without the request's."""
    names = (name for name in type(message).model_fields if name.endswith("_id") and name != "request_id")
    return {name: str(getattr(message, name)) for name in names}


def job_of(message: Message) -> UUID | None:
    """The campaign or image job that it is about."""
    return next((getattr(message, name) for name in _JOBS if hasattr(message, name)), None)


def is_caused_by_present_work(message: Message) -> bool:
    bound = structlog.contextvars.get_contextvars()
    at_hand, job_id = next((bound[name] for name in _JOBS if name in bound), None), job_of(message)
    return at_hand is None or job_id is None or str(job_id) == at_hand


def trace_of(traceparent: object, message_ids: Mapping[str, str]) -> Headers:
    """The trace that a message was published in; its job's, where it carries none, because the sweep repeated it."""
    if isinstance(traceparent, str):
        return {tracing.TRACEPARENT: traceparent}
    job_id = next((message_ids[name] for name in _JOBS if name in message_ids), None)
    try:
        return {} if job_id is None else tracing.headers_of_job(UUID(job_id))
    except ValueError:  # not a message of ours; validation will say so
        return {}


def with_request_id(message: Message) -> Message:
    """With the bound one, where it has none of its own."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    if request_id is None or message.request_id is not None:
        return message
    return message.model_copy(update={"request_id": request_id})

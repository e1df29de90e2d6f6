"""The envelope of Celery's message protocol 2, as narrow as our own publisher makes it.

Celery itself acknowledges, and so loses, messages whose envelope is odd: arguments of another type fail outside the
task's body, and an `expires` that has passed revokes the message. What is to happen later is a row in the ledger, so
none of these fields has a use here.
"""

from typing import Any

from kombu.message import Message
from pydantic import BaseModel, PositiveFloat, StrictInt, StrictStr, TypeAdapter


class Headers(BaseModel):
    """AMQP headers. Those that only inform are left out."""

    task: StrictStr
    id: StrictStr
    eta: None = None
    expires: None = None
    group: None = None
    retries: StrictInt = 0
    timelimit: tuple[PositiveFloat | None, PositiveFloat | None] | None = None  # beat sends the task's own


class Workflow(BaseModel):
    """What is to follow a task in Celery's own workflows: nothing."""

    callbacks: None = None
    errbacks: None = None
    chain: None = None
    chord: None = None


_BODY: TypeAdapter[tuple[list[Any], dict[str, Any], Workflow | None]] = TypeAdapter(
    tuple[list[Any], dict[str, Any], Workflow | None]
)


def check_envelope(message: Message) -> None:
    """Raises pydantic's ValidationError, or kombu's ContentDisallowed or DecodeError, when it is not ours."""
    Headers.model_validate(message.headers)
    _BODY.validate_python(message.payload)

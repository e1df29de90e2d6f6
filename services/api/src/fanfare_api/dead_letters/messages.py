"""Reading a dead message: what can be published again is JSON that fits a contract."""

import json
from typing import Any

from pydantic import ValidationError

from fanfare_shared.contracts.messages import MESSAGES, Message
from fanfare_shared.db.tables import DeadLetter
from fanfare_shared.errors import InvalidRequestError

_BY_TASK = {message.task: message for message in MESSAGES}


def message_of(dead_letter: DeadLetter) -> Message:
    """The message to publish again. Raises InvalidRequestError with the reason why it never can be."""
    contract = _BY_TASK.get(dead_letter.task or "")
    if contract is None:
        raise InvalidRequestError(f"No part of Fanfare has a task named {dead_letter.task!r}: it can only be read here")
    try:
        return contract.model_validate(_envelope(json.loads(dead_letter.body or "")))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise InvalidRequestError(f"The message fits no contract of {contract.task}: {faults}") from None
    except ValueError:
        raise InvalidRequestError("The message's body is not JSON: it can only be read here") from None


def _envelope(body: Any) -> Any:
    """From Celery's body, `[args, kwargs, embed]`
    (https://docs.celeryq.dev/en/stable/internals/protocol.html#version-2).
    """
    match body:
        case [_, {"message": envelope}, *_]:
            return envelope
        case _:
            return body

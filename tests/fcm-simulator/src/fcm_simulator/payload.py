"""A send request's body, read and validated as FCM does.

Rules: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from fcm_simulator.answers import Answer, bad_json, invalid_argument
from fcm_simulator.fields import SEND_REQUEST, Kind

MAX_PAYLOAD_BYTES = 4096
"""https://firebase.google.com/docs/cloud-messaging/concept-options"""
_REMEMBERED = 4096
_SHORTEST_REMEMBERED_TOKEN = 8


class SendRequest(NamedTuple):
    """`token` is empty when the message goes to a topic or a condition, which `target` then names."""

    token: str
    target: str
    validate_only: bool
    fault: Answer | None


class PayloadReader:
    """Reads bodies. A campaign's messages differ in the token only, so what was found valid is remembered."""

    def __init__(self) -> None:
        self._valid: set[bytes] = set()

    def read(self, body: bytes) -> SendRequest:
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError as reason:
            return SendRequest("", "", False, bad_json(f"Invalid JSON payload received. {reason}", ""))
        message = request.get("message") if isinstance(request, dict) else None
        if not isinstance(message, dict):
            return SendRequest("", "", False, invalid_argument("Message is not set.", "message"))
        token = message.get("token") or message.get("fid") or ""
        if not isinstance(token, str):
            token = ""
        target = token or str(message.get("topic") or message.get("condition") or "")
        validate_only = bool(request.get("validate_only", request.get("validateOnly", False)))
        return SendRequest(token, target, validate_only, self._fault(body, request, token))

    def _fault(self, body: bytes, request: dict[str, Any], token: str) -> Answer | None:
        if len(token) < _SHORTEST_REMEMBERED_TOKEN:
            return fault(request)
        shape = body.replace(b'"%b"' % token.encode(), b'""', 1)
        if shape in self._valid:
            return None
        found = fault(request)
        if found is None and len(self._valid) < _REMEMBERED:
            self._valid.add(shape)
        return found


def fault(request: dict[str, Any]) -> Answer | None:
    """The 400 that FCM would answer, or None for a valid request."""
    message = request["message"]
    wrong = _check_fields(request, SEND_REQUEST, "")
    if wrong is not None:
        return wrong
    targets = [name for name in ("token", "fid", "topic", "condition") if message.get(name)]
    if not targets:
        return invalid_argument("Recipient of the message is not set.", "message")
    if len(targets) > 1:
        return bad_json(
            f"Invalid value at 'message' (oneof), oneof field 'target' is already set. Cannot set '{targets[1]}'",
            "message",
        )
    reserved = next((key for key in message.get("data") or () if _is_reserved(key)), None)
    if reserved is not None:
        return invalid_argument(f"Invalid data payload key: {reserved}", "message.data")
    if payload_bytes(message) > MAX_PAYLOAD_BYTES:
        return invalid_argument("Android message is too big", "message.data")
    return None


def payload_bytes(message: dict[str, Any]) -> int:
    """The larger of the payloads a message makes: keys and values of `notification` and `data`, or APNs' JSON."""
    fields = [message.get("notification") or {}, message.get("data") or {}]
    common = sum(len(key.encode()) + len(str(value).encode()) for part in fields for key, value in part.items())
    apns = (message.get("apns") or {}).get("payload")
    return max(common, len(orjson.dumps(apns)) if apns else 0)


def _is_reserved(key: str) -> bool:
    return key in {"from", "message_type"} or key.startswith(("google.", "gcm."))


def _check_fields(value: dict[str, Any], fields: dict[str, Any], path: str) -> Answer | None:
    for name, item in value.items():
        kind = fields.get(name)
        if kind is None:
            at = f" at '{path}'" if path else ""
            return bad_json(f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.', path)
        wrong = _check_value(item, kind, f"{path}.{name}" if path else name)
        if wrong is not None:
            return wrong
    return None


def _check_value(value: Any, kind: Any, path: str) -> Answer | None:
    if value is None:
        return None
    if isinstance(kind, dict):
        return _check_fields(value, kind, path) if isinstance(value, dict) else _wrong_type(path, "message", value)
    if not isinstance(value, kind.python_types):
        return _wrong_type(path, kind.value, value)
    wrong = next(((place, item) for place, item in _strings_in(value, kind) if not isinstance(item, str)), None)
    return None if wrong is None else _wrong_type(path + wrong[0], Kind.STRING.value, wrong[1])


def _strings_in(value: Any, kind: Kind) -> Iterator[tuple[str, Any]]:
    """What must be strings in a map or a list, each with the place that an error names."""
    if kind is Kind.STRING_MAP:
        yield from ((f"[{index}].value", item) for index, item in enumerate(value.values()))
    elif kind is Kind.STRING_LIST:
        yield from ((f"[{index}]", item) for index, item in enumerate(value))


def _wrong_type(path: str, wanted: str, value: Any) -> Answer:
    return bad_json(f"Invalid value at '{path}' ({wanted}), {orjson.dumps(value).decode()}", path)

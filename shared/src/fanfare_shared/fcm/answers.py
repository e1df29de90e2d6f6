"""What FCM's answers mean: from status and body to a class, and from the class to what is done.

Sources: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode and google.rpc.Status, which wraps it.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import orjson

_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_TOKEN_FIELD = "message.token"  # noqa: S105 - a field's name
_LONGEST_MESSAGE = 300


class AnswerClass(Enum):
    """Everything an answer other than 200 can mean for the sender."""

    DEAD_TOKEN = auto()
    """The device is gone: `invalid_token`."""
    BAD_PAYLOAD = auto()
    """The message is at fault, whatever the device."""
    TOKEN_OR_PAYLOAD = auto()
    """One of the two is at fault; the payload's verdict tells which."""
    OTHER_SENDER = auto()
    """The token belongs to another Firebase project's sender: `failed`."""
    THIRD_PARTY_AUTH = auto()
    """FCM may not talk to APNs or the web push service for this app: `failed`."""
    QUOTA_EXCEEDED = auto()
    """The project's quota is used up; not sent."""
    UNAVAILABLE = auto()
    """Not accepted, for certain, and may be later."""
    AMBIGUOUS = auto()
    """FCM broke while it may have accepted."""
    UNAUTHENTICATED = auto()
    """The access token is not good (any more); not sent."""
    SENDER_AT_FAULT = auto()
    """Nothing this campaign sends can be accepted until somebody changes something; not sent."""


_KNOWN_CODES = {
    # https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
    "UNSPECIFIED_ERROR",
    "INVALID_ARGUMENT",
    "UNREGISTERED",
    "SENDER_ID_MISMATCH",
    "QUOTA_EXCEEDED",
    "UNAVAILABLE",
    "INTERNAL",
    "THIRD_PARTY_AUTH_ERROR",
    # https://cloud.google.com/apis/design/errors#error_codes
    "CANCELLED",
    "UNKNOWN",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "DATA_LOSS",
    # Fanfare's own
    "DEVICE_GONE",
}
_NUMBERED_CODE = re.compile(r"(?:CURL|HTTP)_[0-9]{1,3}")


def code_label(code: str) -> str:
    """The code as a metric's label: `OTHER` for what only the answering server knows, which may be anything."""
    return code if code in _KNOWN_CODES or _NUMBERED_CODE.fullmatch(code) else "OTHER"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer other than 200. `code` is FCM's error code, else Google's status, else `HTTP_<status>`."""

    kind: AnswerClass
    code: str
    message: str


_BY_STATUS = {
    429: AnswerClass.QUOTA_EXCEEDED,
    500: AnswerClass.AMBIGUOUS,
    502: AnswerClass.AMBIGUOUS,
    503: AnswerClass.UNAVAILABLE,
    504: AnswerClass.AMBIGUOUS,
}
_BY_CODE = {
    (401, "THIRD_PARTY_AUTH_ERROR"): AnswerClass.THIRD_PARTY_AUTH,
    (403, "SENDER_ID_MISMATCH"): AnswerClass.OTHER_SENDER,
    (404, "UNREGISTERED"): AnswerClass.DEAD_TOKEN,
}


def classify(status: int, body: bytes) -> Answer:
    """The class of an answer other than 200; a body that is not Google's error JSON is judged by its status alone."""
    error = _error(body)
    google_status, details = _text(error.get("status")), _details(error)
    code = _fcm_code(details) or google_status or f"HTTP_{status}"
    return Answer(_kind(status, code, google_status, details), code, _text(error.get("message"))[:_LONGEST_MESSAGE])


def message_id(body: bytes) -> str:
    """The id in a 200's `{"name": "projects/*/messages/{id}"}`, empty where the body is not that."""
    parts = body.split(b'"', 4)
    if len(parts) == 5 and parts[1] == b"name":
        return parts[3].rpartition(b"/")[2].decode("utf-8", "replace")
    return ""


def _kind(status: int, code: str, google_status: str, details: list[dict[str, Any]]) -> AnswerClass:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status == 400:
        return _kind_of_bad_request(code, google_status, details)
    if status == 401 and code != "THIRD_PARTY_AUTH_ERROR":
        return AnswerClass.UNAUTHENTICATED
    return _BY_CODE.get((status, code), AnswerClass.SENDER_AT_FAULT)


def _kind_of_bad_request(code: str, google_status: str, details: list[dict[str, Any]]) -> AnswerClass:
    if any(field != _TOKEN_FIELD for field in _violated_fields(details)):
        return AnswerClass.BAD_PAYLOAD
    if "INVALID_ARGUMENT" in {code, google_status}:
        return AnswerClass.TOKEN_OR_PAYLOAD
    return AnswerClass.SENDER_AT_FAULT


def _error(body: bytes) -> dict[str, Any]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    error = content.get("error") if isinstance(content, dict) else None
    return error if isinstance(error, dict) else {}


def _details(error: dict[str, Any]) -> list[dict[str, Any]]:
    details = error.get("details")
    return [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []


def _fcm_code(details: list[dict[str, Any]]) -> str:
    return next((_text(detail.get("errorCode")) for detail in details if detail.get("@type") == _FCM_ERROR), "")


def _text(value: object) -> str:
    """As the ledger can hold it: PostgreSQL's text has no NUL, and one refused answer would cost the whole write."""
    return str(value or "").replace("\x00", "")


def _violated_fields(details: list[dict[str, Any]]) -> list[str]:
    return [
        str(violation.get("field") or "")
        for detail in details
        if detail.get("@type") == _BAD_REQUEST
        for violation in detail.get("fieldViolations") or ()
        if isinstance(violation, dict)
    ]

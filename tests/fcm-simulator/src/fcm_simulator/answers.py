"""FCM's answers, body for body.

Sources: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode and the google.rpc.Status that Google's API
front end wraps around it.
"""

from typing import Any, NamedTuple

import orjson

from fcm_simulator.script import Outcome, OutcomeName

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
APNS_ERROR = "type.googleapis.com/google.firebase.fcm.v1.ApnsError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"

JSON_HEADERS = [("content-type", "application/json; charset=UTF-8")]
_HTML_HEADERS = [("content-type", "text/html; charset=UTF-8")]

_BAD_GATEWAY = b"""<!DOCTYPE html>
<html lang=en>
  <meta charset=utf-8>
  <title>Error 502 (Server Error)!!1</title>
  <p><b>502.</b> <ins>That's an error.</ins>
  <p>The server encountered a temporary error and could not complete your request.<p>Please try again in 30 seconds.
"""


class Answer(NamedTuple):
    """One HTTP answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def json_answer(status: int, content: Any) -> Answer:
    return Answer(status, JSON_HEADERS, orjson.dumps(content))


def error(code: int, status: str, message: str, details: list[dict[str, Any]] | None = None) -> Answer:
    """Google's error body: `{"error": {"code", "message", "status", "details"?}}`."""
    content: dict[str, Any] = {"code": code, "message": message, "status": status}
    if details:
        content["details"] = details
    return json_answer(code, {"error": content})


def _fcm_error(code: int, status: str, message: str, error_code: str, *more: dict[str, Any]) -> Answer:
    return error(code, status, message, [{"@type": FCM_ERROR, "errorCode": error_code}, *more])


def invalid_argument(message: str, field: str | None = None) -> Answer:
    """A 400; with `field`, it names that field in `fieldViolations`."""
    violations = (
        [{"@type": BAD_REQUEST, "fieldViolations": [{"field": field, "description": message}]}] if field else []
    )
    return _fcm_error(400, "INVALID_ARGUMENT", message, "INVALID_ARGUMENT", *violations)


def bad_json(message: str, field: str) -> Answer:
    """The 400 of Google's JSON parser, which knows nothing of FCM's error codes."""
    details = [{"@type": BAD_REQUEST, "fieldViolations": [{"field": field, "description": message}]}]
    return error(400, "INVALID_ARGUMENT", message, details)


_INVALID_TOKEN = "The registration token is not a valid FCM registration token"
_UNAUTHENTICATED = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)

_ANSWERS: dict[OutcomeName, Answer] = {
    OutcomeName.UNREGISTERED: _fcm_error(404, "NOT_FOUND", "Requested entity was not found.", "UNREGISTERED"),
    OutcomeName.INVALID_TOKEN: invalid_argument(_INVALID_TOKEN),
    OutcomeName.INVALID_TOKEN_FIELD: invalid_argument(_INVALID_TOKEN, "message.token"),
    OutcomeName.INVALID_ARGUMENT: invalid_argument("Request contains an invalid argument."),
    OutcomeName.INVALID_PAYLOAD: invalid_argument("Invalid value for the notification's colour", "message.android"),
    OutcomeName.SENDER_ID_MISMATCH: _fcm_error(403, "PERMISSION_DENIED", "SenderId mismatch", "SENDER_ID_MISMATCH"),
    OutcomeName.THIRD_PARTY_AUTH_ERROR: _fcm_error(
        401,
        "UNAUTHENTICATED",
        "Auth error from APNS or Web Push Service",
        "THIRD_PARTY_AUTH_ERROR",
        {"@type": APNS_ERROR, "statusCode": 403, "reason": "InvalidProviderToken"},
    ),
    OutcomeName.QUOTA_EXCEEDED: _fcm_error(
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for quota metric 'Send requests' and limit 'Send requests per minute' of service "
        "'fcm.googleapis.com'.",
        "QUOTA_EXCEEDED",
        {"@type": ERROR_INFO, "reason": "RATE_LIMIT_EXCEEDED", "domain": "googleapis.com"},
    ),
    OutcomeName.INTERNAL: _fcm_error(500, "INTERNAL", "Internal error encountered.", "INTERNAL"),
    OutcomeName.UNAVAILABLE: _fcm_error(503, "UNAVAILABLE", "The service is currently unavailable.", "UNAVAILABLE"),
    OutcomeName.DEADLINE_EXCEEDED: error(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
    OutcomeName.BAD_GATEWAY: Answer(502, _HTML_HEADERS, _BAD_GATEWAY),
    OutcomeName.PERMISSION_DENIED: error(
        403,
        "PERMISSION_DENIED",
        "Permission 'cloudmessaging.messages.create' denied on resource "
        "'//cloudresourcemanager.googleapis.com/projects/-' (or it may not exist).",
        [{"@type": ERROR_INFO, "reason": "IAM_PERMISSION_DENIED", "domain": "iam.googleapis.com"}],
    ),
    OutcomeName.NOT_FOUND: error(404, "NOT_FOUND", "Requested entity was not found."),
    OutcomeName.UNAUTHENTICATED: error(
        401,
        "UNAUTHENTICATED",
        _UNAUTHENTICATED,
        [{"@type": ERROR_INFO, "reason": "ACCESS_TOKEN_EXPIRED", "domain": "googleapis.com"}],
    ),
    OutcomeName.REDIRECT: Answer(302, [("location", "https://www.google.com/sorry"), *_HTML_HEADERS], b""),
}


def accepted(project: str, number: int) -> Answer:
    """The 200 of a delivery, its message id unique within a simulator's life."""
    return Answer(200, JSON_HEADERS, b'{"name":"projects/%b/messages/0:%016d"}' % (project.encode(), number))


def validated(project: str) -> Answer:
    """The 200 of a valid `validate_only` request, with the id that FCM gives to all of them."""
    return Answer(200, JSON_HEADERS, b'{"name":"projects/%b/messages/fake_message_id"}' % project.encode())


def with_retry_after(answer: Answer, seconds: int | None) -> Answer:
    """The answer with a Retry-After header (seconds), or unchanged for None."""
    if seconds is None:
        return answer
    return answer._replace(headers=[*answer.headers, ("retry-after", str(seconds))])


def of_outcome(outcome: Outcome) -> Answer:
    """The answer of an outcome that is not an accept."""
    if outcome.status is not None:
        answer = Answer(outcome.status, [*outcome.headers.items()], outcome.body.encode())
    else:
        answer = _ANSWERS[outcome.outcome]
    return with_retry_after(answer, outcome.retry_after)

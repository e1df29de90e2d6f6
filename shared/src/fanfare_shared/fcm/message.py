"""A campaign's message as FCM's HTTP v1 API takes it, encoded once: only the target changes from device to device.

The bytes are those that firebase-admin's `MessageEncoder` and the json module would send, key order, spacing and
escapes included (a test compares them), without building a thousand equal trees of objects a batch.
Fields: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii
from typing import Any, Literal

from fanfare_shared.contracts.words import Priority

MAX_PAYLOAD_BYTES = 4096
"""https://firebase.google.com/docs/cloud-messaging/concept-options, "Notification and data messages"."""
MAX_COLLAPSE_ID_BYTES = 64
"""APNs refuses a longer apns-collapse-id: https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns"""

TargetKind = Literal["token", "topic"]


@dataclass(frozen=True, slots=True)
class PushMessage:
    """What is said to every device of a campaign.

    `collapse_id` is the campaign's `collapse_key`, else its id: a repeat then replaces the first on screen.
    `collapse_key` is Android's, which also collapses what waits for a device that is off; None keeps every message.
    """

    title: str
    body: str
    collapse_id: str
    priority: Priority
    ttl_seconds: int
    data: Mapping[str, str] = field(default_factory=dict)
    image_url: str | None = None
    collapse_key: str | None = None


class EncodedMessage:
    """The body of `messages:send` with a gap where the target goes."""

    __slots__ = ("_head", "_tail")

    def __init__(self, head: bytes, tail: bytes) -> None:
        self._head = head
        self._tail = tail

    def to(self, target: str) -> bytes:
        """The request's body for this registration token (or topic)."""
        return self._head + encode_basestring_ascii(target).encode("ascii") + self._tail


def encode(
    message: PushMessage, now: float, *, validate_only: bool = False, target: TargetKind = "token"
) -> EncodedMessage:
    """Encodes everything but the target. `now` is in Unix seconds, for APNs wants a moment and not a TTL."""
    fields = _fields(message, now)
    # MessageEncoder's order: the target stands between `notification` and `webpush`.
    before = {name: fields[name] for name in ("android", "apns", "data", "notification") if name in fields}
    head = '{"message": ' + json.dumps(before)[:-1] + f', "{target}": '
    flag = ', "validate_only": true' if validate_only else ""
    tail = ', "webpush": ' + json.dumps(fields["webpush"]) + "}" + flag + "}"
    return EncodedMessage(head.encode("ascii"), tail.encode("ascii"))


def payload_bytes(message: PushMessage) -> int:
    """How much of FCM's 4,096 bytes the message takes: `notification` and `data` as UTF-8 JSON.

    APNs counts JSON and FCM's Android side only keys and values, so what fits here fits both.
    """
    fields = _fields(message, 0)
    payload = {name: fields[name] for name in ("notification", "data") if name in fields}
    return len(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))


def _fields(message: PushMessage, now: float) -> dict[str, Any]:
    high = message.priority == Priority.HIGH
    return _without_empty(
        {
            "android": _without_empty(
                {
                    "collapse_key": message.collapse_key,
                    "notification": {"tag": message.collapse_id},
                    "priority": "high" if high else "normal",
                    "ttl": f"{message.ttl_seconds}s",
                }
            ),
            "apns": _without_empty(
                {
                    "headers": {
                        "apns-priority": "10" if high else "5",
                        "apns-collapse-id": message.collapse_id,
                        # 0 tells APNs to try once and keep nothing.
                        "apns-expiration": str(int(now) + message.ttl_seconds) if message.ttl_seconds else "0",
                    },
                    # An image is fetched by the app's service extension, which iOS only starts when told to.
                    "payload": {"aps": {"mutable-content": 1}} if message.image_url else None,
                }
            ),
            "data": dict(message.data),
            "notification": _without_empty({"body": message.body, "title": message.title, "image": message.image_url}),
            "webpush": {
                "headers": {"TTL": str(message.ttl_seconds), "Urgency": "high" if high else "normal"},
                "notification": {"tag": message.collapse_id},
            },
        }
    )


def _without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, {})}

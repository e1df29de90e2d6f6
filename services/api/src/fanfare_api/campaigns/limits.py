"""The limits that FCM and APNs set on a message, checked before a campaign is stored rather than a million times after."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fanfare_shared.errors import MessageTooLargeError
from fanfare_shared.fcm.message import MAX_PAYLOAD_BYTES, PushMessage, payload_bytes

MAX_TTL_SECONDS = 2_419_200
"""Four weeks, FCM's longest: https://firebase.google.com/docs/cloud-messaging/concept-options#ttl"""
MAX_USER_IDS = 10_000
MAX_TEST_USERS = 10

# https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages, `data`.
_RESERVED_KEYS = frozenset({"from", "message_type"})
_RESERVED_PREFIXES = ("google.", "gcm.")

Items = TypeVar("Items", bound=list[Any])


def check_within_bytes(limit: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        if len(value.encode()) > limit:
            raise ValueError(f"at most {limit} bytes as UTF-8")
        return value

    return check


def check_unique(values: Items) -> Items:
    if len(set(values)) != len(values):
        raise ValueError("give each user id once")
    return values


def check_data_payload(data: dict[str, str]) -> dict[str, str]:
    for key in data:
        if not key:
            raise ValueError("a key must not be empty")
        if key in _RESERVED_KEYS or key.startswith(_RESERVED_PREFIXES):
            raise ValueError(
                f"FCM reserves the key {key!r}: choose a name that is not from, message_type, google.* or gcm.*"
            )
    return data


def check_fits(campaign: Mapping[str, Any]) -> None:
    """Raises MessageTooLargeError when the message, encoded, is over FCM's limit.

    `campaign` has the fields of the campaign's row that are part of the message.
    """
    size = payload_bytes(
        PushMessage(
            title=campaign["title"],
            body=campaign["message"],
            collapse_id=campaign["collapse_key"] or "",
            priority=campaign["priority"],
            ttl_seconds=campaign["ttl_seconds"],
            data=campaign["data_payload"],
            image_url=campaign["image_url"],
            collapse_key=campaign["collapse_key"],
        )
    )
    if size > MAX_PAYLOAD_BYTES:
        raise MessageTooLargeError(
            f"title, message, image_url and data_payload take {size:,} bytes as JSON; FCM takes {MAX_PAYLOAD_BYTES:,}. "
            "Shorten them, or send an id in data_payload and let the app fetch the rest",
            size=size,
            limit=MAX_PAYLOAD_BYTES,
        )

"""The limits that FCM and APNs set on a message, checked before a campaign is stored rather than a million times after."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from fanfare_shared.errors import InvalidRequestError, MessageTooLargeError
from fanfare_shared.fcm.message import MAX_PAYLOAD_BYTES, PushMessage, payload_bytes
from fanfare_shared.webhooks import AllowList

MAX_TTL_SECONDS = 2_419_200
"""Four weeks, FCM's longest: https://firebase.google.com/docs/cloud-messaging/concept-options#ttl"""
MAX_USER_IDS = 10_000
MAX_TEST_USERS = 10
MAX_AHEAD = timedelta(days=366)

# https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages, `data`.
_RESERVED_KEYS = frozenset({"from", "message_type"})
_RESERVED_PREFIXES = ("google.", "gcm.")
# One address and nothing that could become a second header or recipient; whether it exists, only sending to it tells.
_EMAIL = re.compile(r"[^@\s<>\"(),:;\\]+@[^@\s<>\"(),:;\\]+")
_UNPRINTABLE = re.compile(r"[\s\x00-\x20\x7f]")
_PORTS = {"https": 443, "http": 80}

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


def check_https(url: str) -> str:
    """Raises ValueError."""
    if _split(url).scheme != "https":
        raise ValueError("give an https:// URL")
    return url


def check_webhook(url: str, allow: AllowList) -> None:
    """Raises InvalidRequestError; what its name resolves to is checked when it is called."""
    try:
        parts = _split(url)
    except ValueError as error:
        raise InvalidRequestError(f"webhook_url: {error}", field="webhook_url") from None
    port = parts.port or _PORTS.get(parts.scheme)
    if port is None:
        raise InvalidRequestError("webhook_url: give an https:// URL", field="webhook_url")
    if parts.scheme == "http" and not allow.names(parts.hostname or "", port):
        raise InvalidRequestError(
            "webhook_url: give an https:// URL; plain HTTP is for the hosts that FANFARE_WEBHOOK_ALLOW names",
            field="webhook_url",
        )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        raise ValueError("this is not a URL") from None
    if not parts.hostname or _UNPRINTABLE.search(url):
        raise ValueError("give a URL with a host: https://example.org/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL must not hold a user name or a password")
    return parts


def check_email(address: str) -> str:
    if not _EMAIL.fullmatch(address):
        raise ValueError("give one e-mail address: name@example.org")
    return address


def check_moment(field: str, moment: datetime, now: datetime) -> None:
    """Raises InvalidRequestError unless `moment` is in the future, and within a year."""
    if moment <= now:
        raise InvalidRequestError(f"{field} must be in the future; it is {moment.isoformat()}", field=field)
    if moment - now > MAX_AHEAD:
        raise InvalidRequestError(f"{field} must be within {MAX_AHEAD.days} days from now", field=field)


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

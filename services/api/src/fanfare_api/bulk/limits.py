"""What is checked of every bulk job before it is stored: its moments, and where its owner is told."""

import re
from datetime import datetime, timedelta
from urllib.parse import SplitResult, urlsplit

from fanfare_shared.errors import InvalidRequestError
from fanfare_shared.webhooks import AllowList

MAX_AHEAD = timedelta(days=366)

# One address and nothing that could become a second header or recipient; whether it exists, only sending to it tells.
_EMAIL = re.compile(r"[^@\s<>\"(),:;\\]+@[^@\s<>\"(),:;\\]+")
_UNPRINTABLE = re.compile(r"[\s\x00-\x20\x7f]")
_PORTS = {"https": 443, "http": 80}


def check_moment(field: str, moment: datetime, now: datetime) -> None:
    """Raises InvalidRequestError unless `moment` is in the future, and within a year."""
    if moment <= now:
        raise InvalidRequestError(f"{field} must be in the future; it is {moment.isoformat()}", field=field)
    if moment - now > MAX_AHEAD:
        raise InvalidRequestError(f"{field} must be within {MAX_AHEAD.days} days from now", field=field)


def check_not_expired(expires_at: datetime | None, starts_at: datetime) -> None:
    """Raises InvalidRequestError for a job that would have expired before it starts."""
    if expires_at is not None and expires_at <= starts_at:
        raise InvalidRequestError(
            f"expires_at ({expires_at.isoformat()}) must be after the start ({starts_at.isoformat()})",
            field="expires_at",
        )


def check_email(address: str) -> str:
    """Raises ValueError."""
    if not _EMAIL.fullmatch(address):
        raise ValueError("give one e-mail address: name@example.org")
    return address


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

"""Which webhook addresses may be plain HTTP or private: the one setting that the api checks and the sender obeys."""

from collections.abc import Iterable
from typing import Self

from pydantic import Field, field_validator

from fanfare_shared.settings import Settings


class WebhookSettings(Settings):
    webhook_allow: str = Field(
        default="",
        description="Hosts, as host or host:port, comma-separated, whose webhooks may be plain HTTP or private addresses",
    )

    @field_validator("webhook_allow")
    @classmethod
    def _readable(cls, text: str) -> str:
        AllowList.parse(text)
        return text


class AllowList:
    """Hosts, each with one port or all, that may be called by plain HTTP and on private addresses."""

    def __init__(self, entries: Iterable[tuple[str, int | None]]) -> None:
        self._entries = frozenset(entries)

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `host`, `host:port` and `[IPv6]:port`, comma-separated. Raises ValueError for a bad port."""
        return cls(_entry(item.strip().lower()) for item in text.split(",") if item.strip())

    def names(self, host: str, port: int) -> bool:
        host = host.lower().strip("[]")
        return (host, port) in self._entries or (host, None) in self._entries


def _entry(item: str) -> tuple[str, int | None]:
    host, separator, port = item.rpartition(":")
    if not separator or item.endswith("]"):
        return item.strip("[]"), None
    if not port.isdigit():
        raise ValueError(f"{item} is not a host or host:port; an IPv6 address stands in brackets")
    return host.strip("[]"), int(port)

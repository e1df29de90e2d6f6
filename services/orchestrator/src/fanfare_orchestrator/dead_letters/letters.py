"""A dead message as a row of `dead_letters`: where it died, why, and what it said. Its body may be anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fanfare_shared.db.connection import Connection
from fanfare_shared.ids import uuid7

# What an operator reads, and enough for every message of ours: those hold ids. A longer body is cut.
LONGEST_BODY = 64 * 1024
_LONGEST_WORD = 200


@dataclass(frozen=True, slots=True)
class Letter:
    """`queue` and `reason` are RabbitMQ's (`rejected`, `delivery_limit`, `expired`, …); `source_id` is the task's id."""

    queue: str
    reason: str
    task: str | None
    source_id: str | None
    body: str


def read_letter(headers: Mapping[str, Any], body: bytes | str | memoryview) -> Letter:
    """Takes any headers and any body: a message that nobody could read is what ends here."""
    death = _first_death(headers)
    return Letter(
        queue=_word(headers.get("x-first-death-queue") or death.get("queue")) or "unknown",
        reason=_word(headers.get("x-first-death-reason") or death.get("reason")) or "unknown",
        task=_word(headers.get("task")),
        source_id=_word(headers.get("id")),
        body=_readable(body),
    )


def insert_letter(connection: Connection, letter: Letter) -> None:
    connection.execute(
        """
        INSERT INTO dead_letters (id, source, source_id, queue, task, reason, body)
        VALUES (%s, 'message', %s, %s, %s, %s, %s)
        """,
        (uuid7(), letter.source_id, letter.queue, letter.task, letter.reason, letter.body),
    )


def _first_death(headers: Mapping[str, Any]) -> Mapping[str, Any]:
    """The oldest entry of `x-death`, which lists the newest first."""
    deaths = headers.get("x-death")
    if isinstance(deaths, list) and deaths and isinstance(deaths[-1], Mapping):
        return deaths[-1]
    return {}


def _word(value: object) -> str | None:
    return None if value is None else _storable(str(value))[:_LONGEST_WORD]


def _readable(body: bytes | str | memoryview) -> str:
    """As text, with what is not UTF-8 escaped, and cut at LONGEST_BODY with a note of the whole length."""
    raw = body.encode(errors="backslashreplace") if isinstance(body, str) else bytes(body)
    text = _storable(raw[:LONGEST_BODY].decode(errors="backslashreplace"))
    return text if len(raw) <= LONGEST_BODY else f"{text}… ({len(raw):,} bytes in all)"


def _storable(text: str) -> str:
    """PostgreSQL's text has no NUL and no lone surrogate; AMQP's headers may have both."""
    return text.encode(errors="backslashreplace").decode().replace("\x00", "\\x00")

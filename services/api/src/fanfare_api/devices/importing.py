"""A device import: lines checked one by one, copied to a staging table, and written by one statement, in one transaction.

Memory is flat: a few thousand rows wait for a copy, and the first rejected lines are kept. What cannot be read to its
end raises, and the transaction, with all that was copied, is rolled back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.devices import rules
from fanfare_api.devices.formats import FIELDS, LineFormat
from fanfare_api.devices.lines import MAX_LINE_BYTES
from fanfare_api.devices.schemas import ImportResult, RejectedLine
from fanfare_shared.crypto import token_digest

# Some milliseconds of copying; the event loop serves others between two.
_ROWS_A_COPY = 4000
_REJECTED_LINES_SHOWN = 100

_COLUMNS = ("line", "token_digest", *FIELDS)
_STAGE = text(
    "CREATE TEMP TABLE device_import (line integer, token_digest bytea, user_id text, token text, platform text, "
    "locale text, timezone text, tags text[]) ON COMMIT DROP"
)
# Enough to sort a million digests without going to disk for each; it is this transaction's only.
_WORK_MEMORY = text("SET LOCAL work_mem = '64MB'")
# In the digests' order: the unique index is then written from left to right, and two imports cannot deadlock.
_UPSERT = text(
    """
    WITH written AS (
        INSERT INTO devices (app_id, user_id, token, token_digest, platform, locale, timezone, tags)
        SELECT DISTINCT ON (token_digest) :app_id, user_id, token, token_digest, platform, locale, timezone, tags
        FROM device_import ORDER BY token_digest, line DESC
        ON CONFLICT (app_id, token_digest) DO UPDATE SET
            user_id = excluded.user_id, token = excluded.token, platform = excluded.platform,
            locale = excluded.locale, timezone = excluded.timezone, tags = excluded.tags,
            is_active = true, deactivated_at = NULL, registered_at = now(), updated_at = now()
        RETURNING xmax = 0 AS inserted
    )
    SELECT count(*) FILTER (WHERE inserted) AS inserted, count(*) FILTER (WHERE NOT inserted) AS updated FROM written
    """
)


@dataclass
class Import:
    """One import under way. `begin`, then `take` every line, then `finish`."""

    session: AsyncSession
    app_id: UUID
    line_format: LineFormat
    _rows: list[tuple[Any, ...]] = field(default_factory=list)
    _staged: int = 0
    _rejected: int = 0
    _rejected_lines: list[RejectedLine] = field(default_factory=list)

    async def begin(self) -> None:
        await self.session.execute(_STAGE)
        await self.session.execute(_WORK_MEMORY)

    def take(self, number: int, line: bytes | None) -> None:
        """Checks one line; None is one that was too long."""
        try:
            fields = self.line_format.read(_whole(line))
            if fields is not None:
                self._rows.append((number, *_checked(fields, self.app_id)))
        except ValueError as error:
            self._rejected += 1
            if len(self._rejected_lines) < _REJECTED_LINES_SHOWN:
                self._rejected_lines.append(RejectedLine(line=number, reason=str(error)))

    async def copy_when_due(self) -> None:
        if len(self._rows) >= _ROWS_A_COPY:
            await self._copy()

    async def finish(self) -> ImportResult:
        await self._copy()
        counts = (await self.session.execute(_UPSERT, {"app_id": self.app_id})).one()
        return ImportResult(
            received=self._staged + self._rejected,
            inserted=counts.inserted,
            updated=counts.updated,
            duplicates=self._staged - counts.inserted - counts.updated,
            rejected=self._rejected,
            rejected_lines=self._rejected_lines,
        )

    async def _copy(self) -> None:
        raw_connection = await (await self.session.connection()).get_raw_connection()
        connection: Any = raw_connection.driver_connection
        await connection.copy_records_to_table("device_import", records=self._rows, columns=_COLUMNS)
        self._staged += len(self._rows)
        self._rows.clear()


def _whole(line: bytes | None) -> bytes:
    if line is None:
        raise ValueError(f"over {MAX_LINE_BYTES:,} bytes")
    return line


_CHECKS = tuple((name, getattr(rules, f"check_{name}")) for name in FIELDS)
_KNOWN = frozenset(FIELDS)


def _checked(fields: Mapping[str, Any], app_id: UUID) -> tuple[Any, ...]:
    """The staging row without its line number. Raises ValueError naming the field."""
    if not fields.keys() <= _KNOWN:
        _check_other_fields(fields, app_id)
    values = []
    for name, check in _CHECKS:
        try:
            values.append(check(fields.get(name)))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return (token_digest(values[1]), *values)


def _check_other_fields(fields: Mapping[str, Any], app_id: UUID) -> None:
    if fields.get("app_id", str(app_id)) != str(app_id):
        raise ValueError("app_id: not the app that this import is for")
    if unknown := sorted(fields.keys() - _KNOWN - {"app_id"}):
        raise ValueError(f"{unknown[0][:50]}: no such field")

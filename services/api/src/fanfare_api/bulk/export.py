"""Rows as CSV, however many: read a page at a time, so that neither memory nor a connection is held."""

import csv
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlmodel.ext.asyncio.session import AsyncSession

# A reader may be slow: between two pages, and so while it reads, no connection and no snapshot is held for it.
_PAGE = 5_000
# https://owasp.org/www-community/attacks/CSV_Injection
_RUNS_IN_A_SPREADSHEET = ("=", "+", "-", "@", "\t", "\r", "\n")

PageAfter = Callable[[AsyncSession, int, int], Awaitable[Sequence[Sequence[Any]]]]
"""Reads the rows after a key, at most so many, by rising key."""


class CsvStream(StreamingResponse):
    media_type = "text/csv"


def csv_stream(
    sessions: async_sessionmaker[AsyncSession], filename: str, columns: Sequence[str], key: str, page_after: PageAfter
) -> CsvStream:
    """A header, then a line a row, whose cells are `columns`. `key` is the column the rows are read by, from 0 up."""
    return CsvStream(
        _lines(sessions, columns, columns.index(key), page_after),
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )


async def _lines(
    sessions: async_sessionmaker[AsyncSession], columns: Sequence[str], key: int, page_after: PageAfter
) -> AsyncIterator[str]:
    yield _text([columns])
    last = -1
    while True:
        async with sessions() as session:
            rows = await page_after(session, last, _PAGE)
        if not rows:
            return
        yield _text(map(_cells, rows))
        last = rows[-1][key]


def _text(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cells(row: Iterable[Any]) -> list[Any]:
    return [_cell(value) for value in row]


def _cell(value: Any) -> Any:
    match value:
        case str():
            return f"'{value}" if value.startswith(_RUNS_IN_A_SPREADSHEET) else value
        case datetime():
            return value.isoformat()
        case dict():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return value

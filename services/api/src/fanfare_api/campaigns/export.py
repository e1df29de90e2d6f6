"""A campaign's deliveries as CSV, however many: read a page at a time, so that neither memory nor a connection is held."""

import csv
import io
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.campaigns.repository import deliveries_after
from fanfare_api.campaigns.schemas import DeliveryShown
from fanfare_shared.contracts.words import Outcome

# A reader may be slow: between two pages, and so while it reads, no connection and no snapshot is held for it.
_PAGE = 5_000
# https://owasp.org/www-community/attacks/CSV_Injection
_RUNS_IN_A_SPREADSHEET = ("=", "+", "-", "@", "\t", "\r", "\n")


async def csv_of_deliveries(
    sessions: async_sessionmaker[AsyncSession], campaign_id: UUID, status: Outcome | None
) -> AsyncIterator[str]:
    """A header, then a line a delivery by rising device id."""
    yield _lines([list(DeliveryShown.model_fields)])
    last_device_id = -1
    while True:
        async with sessions() as session:
            rows = await deliveries_after(session, campaign_id, last_device_id, status, _PAGE)
        if not rows:
            return
        yield _lines(map(_cells, rows))
        last_device_id = rows[-1].device_id


def _lines(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cells(row: Iterable[Any]) -> list[Any]:
    return [_cell(value) for value in row]


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_RUNS_IN_A_SPREADSHEET) else value
    return value.isoformat() if isinstance(value, datetime) else value

"""Lists: newest first, a page at a time, by an opaque cursor that stays right while rows are added."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from fanfare_shared.errors import InvalidRequestError

Item = TypeVar("Item")
Row = TypeVar("Row")


class Page(BaseModel, Generic[Item]):
    """A page of a list. `next_cursor` is null on the last one; pass it as `cursor` for the next."""

    items: list[Item]
    next_cursor: str | None = Field(examples=["MDE5YTk4Y2Mt"])


@dataclass(frozen=True)
class PageRequest:
    limit: int
    cursor: str | None


def _page_request(
    limit: Annotated[int, Query(ge=1, le=500, description="Items on a page, at most")] = 50,
    cursor: Annotated[str | None, Query(max_length=100, description="`next_cursor` of the page before")] = None,
) -> PageRequest:
    return PageRequest(limit, cursor)


PageDep = Annotated[PageRequest, Depends(_page_request)]


async def fetch_page(
    session: AsyncSession, statement: SelectOfScalar[Row], key: Any, page: PageRequest, *, rising: bool = False
) -> tuple[list[Row], str | None]:
    """The rows of one page and the next page's cursor. `key` is `col(...)` of what orders the list and is unique in it: an id,
    a position, a moment. From the highest down, or `rising`.
    """
    if page.cursor is not None:
        last = _decode(page.cursor, key.type.python_type)
        statement = statement.where(key > last if rising else key < last)
    ordered = statement.order_by(key.asc() if rising else key.desc())
    rows = list((await session.exec(ordered.limit(page.limit + 1))).all())
    if len(rows) <= page.limit:
        return rows, None
    rows.pop()
    return rows, encode_cursor(getattr(rows[-1], key.key))


def encode_cursor(value: UUID | int | datetime) -> str:
    plain = value.isoformat() if isinstance(value, datetime) else str(value)
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def _decode(cursor: str, kind: type) -> UUID | int | datetime:
    try:
        plain = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        value = datetime.fromisoformat(plain) if kind is datetime else kind(plain)
    except (ValueError, binascii.Error) as error:
        raise _foreign() from error
    match value:
        case UUID():
            return value
        case datetime() if value.tzinfo is not None:
            return value
        case int() if 0 <= value < 2**63:
            return value
    raise _foreign()


def _foreign() -> InvalidRequestError:
    return InvalidRequestError("cursor: pass the `next_cursor` of a page of this list")

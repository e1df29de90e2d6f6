"""Lists: newest first, a page at a time, by an opaque cursor that stays right while rows are added."""

import base64
import binascii
from dataclasses import dataclass
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
    session: AsyncSession, statement: SelectOfScalar[Row], key: Any, page: PageRequest
) -> tuple[list[Row], str | None]:
    """The rows of one page and the next page's cursor. `key` is `col(...)` of the table's unique, time-ordered id."""
    if page.cursor is not None:
        statement = statement.where(key < _decode(page.cursor, key.type.python_type))
    rows = list((await session.exec(statement.order_by(key.desc()).limit(page.limit + 1))).all())
    if len(rows) <= page.limit:
        return rows, None
    rows.pop()
    return rows, encode_cursor(getattr(rows[-1], key.key))


def encode_cursor(value: UUID | int) -> str:
    return base64.urlsafe_b64encode(str(value).encode()).decode().rstrip("=")


def _decode(cursor: str, kind: type) -> UUID | int:
    try:
        plain = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        value: UUID | int = UUID(plain) if kind is UUID else int(plain)
    except (ValueError, binascii.Error) as error:
        raise InvalidRequestError("cursor: pass the `next_cursor` of a page of this list") from error
    if isinstance(value, int) and not 0 <= value < 2**63:
        raise InvalidRequestError("cursor: pass the `next_cursor` of a page of this list")
    return value

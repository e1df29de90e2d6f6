"""A job's batches, a page at a time."""

from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.orm import load_only
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.http.pagination import PageRequest, fetch_page
from fanfare_api.http.schemas import Shown
from fanfare_shared.bulk.kind import Kind
from fanfare_shared.contracts.words import BatchStatus

ShownT = TypeVar("ShownT", bound=Shown)


async def list_batches(
    session: AsyncSession,
    kind: Kind,
    table: Any,
    shown: type[ShownT],
    job_id: UUID,
    page: PageRequest,
    status: BatchStatus | None,
) -> tuple[list[ShownT], str | None]:
    """The job's batches as `shown`, newest first, and the next page's cursor. `table` is the class of `kind.batches`."""
    names = list(shown.model_fields)
    statement = (
        select(table)
        .options(load_only(*(getattr(table, name) for name in names)))
        .where(getattr(table, kind.key) == job_id)
    )
    if status is not None:
        statement = statement.where(col(table.status) == status.value)
    batches, next_cursor = await fetch_page(session, statement, table.id, page)
    return [shown.model_validate({name: getattr(batch, name) for name in names}) for batch in batches], next_cursor

"""`GET /v1/dead-letters` and `POST /v1/dead-letters/{id}/retry`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, status
from sqlmodel import col, select

from fanfare_api.audit.trail import record
from fanfare_api.auth.dependencies import Admin
from fanfare_api.dead_letters.schemas import DeadLetterShown, DeadLetterSource
from fanfare_api.dead_letters.service import lock_dead_letter, retry_dead_letter
from fanfare_api.http.idempotency import Idempotent
from fanfare_api.http.pagination import Page, PageDep, fetch_page
from fanfare_api.http.transactions import HintsDep, LedgerRoute, SessionDep
from fanfare_shared.db.tables import DeadLetter

router = APIRouter(prefix="/v1/dead-letters", tags=["operators"], route_class=LedgerRoute)


@router.get("", summary="List what could not be done")
async def find(
    session: SessionDep,
    _caller: Admin,
    page: PageDep,
    source: Annotated[DeadLetterSource | None, Query(description="Only from here")] = None,
    retried: Annotated[bool | None, Query(description="Only those that were, or were not, tried again")] = None,
) -> Page[DeadLetterShown]:
    """What could not be done, and why."""
    statement = select(DeadLetter)
    if source is not None:
        statement = statement.where(DeadLetter.source == source.value)
    if retried is not None:
        is_retried = col(DeadLetter.retried_at).is_not(None)
        statement = statement.where(is_retried if retried else ~is_retried)
    rows, next_cursor = await fetch_page(session, statement, col(DeadLetter.id), page)
    return Page(items=[DeadLetterShown.model_validate(row) for row in rows], next_cursor=next_cursor)


@router.post(
    "/{dead_letter_id}/retry", status_code=status.HTTP_202_ACCEPTED, dependencies=[Idempotent], summary="Try again"
)
async def retry(
    dead_letter_id: UUID, request: Request, session: SessionDep, caller: Admin, hints: HintsDep
) -> DeadLetterShown:
    """Has it tried again: the batch is ready once more, the notification due, the message back on its queue."""
    dead_letter = await lock_dead_letter(session, dead_letter_id)
    hints.extend(await retry_dead_letter(session, dead_letter, caller.actor))
    detail = {"source": dead_letter.source, "source_id": dead_letter.source_id}
    await record(session, request, caller, "dead_letter.retry", dead_letter_id, detail=detail)
    return DeadLetterShown.model_validate(dead_letter)

"""`/v1/audit`: who did what, when."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from sqlmodel import col, select

from fanfare_api.auth.dependencies import Admin
from fanfare_api.http.pagination import Page, PageDep, fetch_page
from fanfare_api.http.schemas import Shown
from fanfare_api.http.transactions import LedgerRoute, SessionDep
from fanfare_shared.db.tables import AuditEntry

router = APIRouter(prefix="/v1/audit", tags=["audit"], route_class=LedgerRoute)


class AuditEntryShown(Shown):
    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    app_id: UUID | None
    detail: dict[str, Any]
    request_id: str | None


@router.get("", summary="List what was done, newest first")
async def list_audit_entries(
    _caller: Admin,
    session: SessionDep,
    page: PageDep,
    action: Annotated[str | None, Query(max_length=100, examples=["campaign.send"])] = None,
    actor: Annotated[str | None, Query(max_length=200)] = None,
    subject: Annotated[str | None, Query(max_length=200)] = None,
    app_id: UUID | None = None,
    since: Annotated[AwareDatetime | None, Query(description="From this moment on")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before this moment")] = None,
) -> Page[AuditEntryShown]:
    statement = select(AuditEntry)
    equal = {AuditEntry.action: action, AuditEntry.actor: actor, AuditEntry.subject: subject, AuditEntry.app_id: app_id}
    for column, value in equal.items():
        if value is not None:
            statement = statement.where(col(column) == value)
    if since is not None:
        statement = statement.where(col(AuditEntry.at) >= since)
    if until is not None:
        statement = statement.where(col(AuditEntry.at) < until)
    rows, next_cursor = await fetch_page(session, statement, col(AuditEntry.id), page)
    return Page(items=[AuditEntryShown.model_validate(row) for row in rows], next_cursor=next_cursor)

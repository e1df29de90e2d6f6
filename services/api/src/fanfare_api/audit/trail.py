"""Writing to the audit log."""

from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import insert
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.auth.caller import Caller
from fanfare_shared.db.tables import AuditEntry


async def record(
    session: AsyncSession,
    request: Request,
    caller: Caller,
    action: str,
    subject: object,
    *,
    app_id: UUID | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Writes an entry in the request's transaction. `action` is e.g. `campaign.send`; `detail` has no token, no secret."""
    entry = insert(AuditEntry).values(
        actor=caller.actor,
        action=action,
        subject=str(subject),
        app_id=app_id,
        detail=detail or {},
        request_id=request.state.request_id,
    )
    await session.execute(entry)

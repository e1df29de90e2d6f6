"""The statements on apps."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, update
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.auth.caller import Caller
from fanfare_shared.db.tables import App, Probe
from fanfare_shared.errors import NotFoundError
from fanfare_shared.ids import uuid7


async def get_app(session: AsyncSession, caller: Caller, app_id: UUID) -> App:
    """Raises NotFoundError where there is none that this caller may use."""
    app = await session.get(App, app_id) if caller.may_use(app_id) else None
    if app is None:
        raise NotFoundError(f"There is no app {app_id} that this API key may use")
    return app


async def insert_app(session: AsyncSession, values: dict[str, Any]) -> App:
    return (await session.scalars(insert(App).values({"id": uuid7(), **values}).returning(App))).one()


async def update_app(session: AsyncSession, app_id: UUID, values: dict[str, Any]) -> App:
    change = update(App).where(col(App.id) == app_id).values({**values, "updated_at": func.now()}).returning(App)
    return (await session.scalars(change, execution_options={"populate_existing": True})).one()


async def insert_check(session: AsyncSession, app_id: UUID) -> UUID:
    """A probe that is due now: the sweep finds it, should its hint be lost."""
    probe_id = uuid7()
    await session.execute(insert(Probe).values(id=probe_id, kind="app_check", app_id=app_id, due_at=func.now()))
    return probe_id

"""Making, listing and revoking API keys."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.api_keys.schemas import ApiKeyCreate
from fanfare_api.auth.caller import Caller
from fanfare_shared.crypto import api_key_digest, new_api_key
from fanfare_shared.db.tables import ApiKey, App
from fanfare_shared.errors import NotFoundError
from fanfare_shared.ids import uuid7


async def create_key(session: AsyncSession, caller: Caller, request: ApiKeyCreate) -> tuple[ApiKey, str]:
    """The key's row, and the key itself, which is kept nowhere. Raises NotFoundError for an unknown app."""
    await _require_apps(session, request.app_ids or set())
    key = new_api_key()
    values: dict[str, Any] = {
        "id": uuid7(),
        "name": request.name,
        "key_digest": api_key_digest(key),
        "scopes": sorted(request.scopes),
        "app_ids": sorted(str(app_id) for app_id in request.app_ids) if request.app_ids else None,
        "created_by": caller.actor,
    }
    return (await session.scalars(insert(ApiKey).values(values).returning(ApiKey))).one(), key


async def revoke_key(session: AsyncSession, key_id: UUID) -> bool:
    """Whether it was valid until now. Raises NotFoundError where there is none."""
    revoke = (
        update(ApiKey)
        .where(col(ApiKey.id) == key_id, col(ApiKey.revoked_at).is_(None))
        .values(revoked_at=func.now())
        .returning(col(ApiKey.id))
    )
    if (await session.execute(revoke)).scalar() is not None:
        return True
    if await session.get(ApiKey, key_id) is None:
        raise NotFoundError(f"There is no API key {key_id}")
    return False


async def _require_apps(session: AsyncSession, app_ids: set[UUID]) -> None:
    known = set((await session.scalars(select(col(App.id)).where(col(App.id).in_(app_ids)))).all())
    if missing := app_ids - known:
        raise NotFoundError(f"There is no app {min(missing)}")

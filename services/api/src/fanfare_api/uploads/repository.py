"""Uploads in parts and straight to storage, as rows; each names the objects it has in storage."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, text
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.runtime import Runtime
from fanfare_shared.db.tables import Upload
from fanfare_shared.errors import NotFoundError, UploadExpiredError

DIRECT, RESUMABLE = "direct", "resumable"

# They are nobody's any more: whoever sweeps may remove them at once.
_DOOM = text("""
INSERT INTO doomed_objects (key) SELECT unnest(CAST(:keys AS text[]))
ON CONFLICT (key) DO UPDATE SET due_at = now()
""")


async def make_upload(
    session: AsyncSession,
    upload_id: UUID,
    kind: str,
    *,
    request: dict[str, Any],
    size: int,
    state: dict[str, Any],
    created_by: str,
    seconds: int,
) -> datetime:
    """When it expires."""
    expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
    await session.execute(
        insert(Upload).values(
            id=upload_id,
            kind=kind,
            key=key_of(upload_id),
            request=request,
            size=size,
            state=state,
            created_by=created_by,
            expires_at=expires_at,
        )
    )
    return expires_at


def key_of(upload_id: UUID) -> str:
    """The object of a direct upload; a resumable one's parts are below it."""
    return f"uploads/{upload_id.hex}"


async def get_upload(session: AsyncSession, upload_id: UUID, kind: str | None = None, *, lock: bool = False) -> Upload:
    """Raises NotFoundError, and UploadExpiredError for one that is not complete and never will be."""
    upload = await session.get(Upload, upload_id, with_for_update=lock or None)
    if upload is None or (kind is not None and upload.kind != kind):
        raise NotFoundError(f"There is no upload {upload_id}")
    if upload.completed_at is None and upload.expires_at <= datetime.now(UTC):
        raise UploadExpiredError
    return upload


async def read_upload(runtime: Runtime, upload_id: UUID, kind: str) -> Upload:
    """As `get_upload`, in a transaction of its own, so that no connection is held while bytes flow."""
    async with runtime.sessions() as session:
        return await get_upload(session, upload_id, kind)


def parts_of(upload: Upload) -> list[dict[str, Any]]:
    """A resumable upload's parts in their order: `{"key", "size"}`."""
    parts: list[dict[str, Any]] = upload.state.get("parts", [])
    return parts


def objects_of(upload: Upload) -> list[str]:
    """The keys of what it has in storage."""
    return [part["key"] for part in parts_of(upload)] if upload.kind == RESUMABLE else [upload.key]


async def doom(session: AsyncSession, keys: Sequence[str]) -> None:
    if keys:
        await session.execute(_DOOM, {"keys": list(keys)})


async def abandon(session: AsyncSession, upload: Upload) -> list[str]:
    """Removes the upload, and dooms what it has in storage: the keys."""
    keys = objects_of(upload) if upload.completed_at is None else []
    await doom(session, keys)
    await session.delete(upload)
    await session.flush()
    return keys

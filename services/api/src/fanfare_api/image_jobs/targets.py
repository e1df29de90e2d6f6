"""Which images a target means: looked up in sets, 100,000 ids in one statement."""

from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.folders.names import checked_path
from fanfare_api.image_jobs.rejections import FIRST, Rejected
from fanfare_api.image_jobs.schemas import ImageTarget
from fanfare_shared.db.tables import Folder
from fanfare_shared.errors import InvalidRequestError
from fanfare_shared.images.taking import Rejection

_REJECTED_IDS = """
SELECT id, code FROM (
    SELECT asked.id, {code} AS code
    FROM unnest(CAST(:ids AS uuid[])) AS asked(id)
    LEFT JOIN images i ON i.id = asked.id LEFT JOIN originals o ON o.id = i.original_id
) AS looked_at WHERE code IS NOT NULL
"""
_COUNTS = """
SELECT {code} AS code, count(*) AS images
FROM images i JOIN originals o ON o.id = i.original_id WHERE {condition} GROUP BY 1
"""
_FIRST_REJECTED = """
SELECT i.id, {code} AS code
FROM images i JOIN originals o ON o.id = i.original_id
WHERE {condition} AND {code} IS NOT NULL ORDER BY i.id LIMIT :first
"""
# A folder and those below it; `UNION` ends it whatever the tree looks like.
_BELOW = """i.folder_id IN (
    WITH RECURSIVE below AS (
        SELECT CAST(:folder_id AS uuid) AS id UNION SELECT f.id FROM folders f JOIN below b ON f.parent_id = b.id
    ) SELECT id FROM below
)"""


@dataclass(frozen=True)
class Selection:
    """SQL: a `condition` on images `i`, and the values it names."""

    condition: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Resolved:
    """`target` is as the ledger keeps it, of ids only those accepted; `selection` finds those."""

    target: dict[str, Any]
    accepted: int
    rejected: Rejected
    selection: Selection


async def resolve(session: AsyncSession, target: ImageTarget, code: str) -> Resolved:
    """`code`: `rejection_sql` of what is to be done. Raises InvalidRequestError for a folder that is not there."""
    if target.image_ids is not None:
        return await _resolve_ids(session, target.image_ids, code)
    kept, selection = await _selected(session, target)
    parts = {"code": code, "condition": selection.condition}
    rows = await session.execute(text(_COUNTS.format(**parts)), selection.values)
    counts = {row.code: row.images for row in rows}
    accepted = counts.pop(None, 0)
    rejected = Rejected(codes={Rejection(code): count for code, count in counts.items()})
    if counts:
        first = await session.execute(text(_FIRST_REJECTED.format(**parts)), selection.values | {"first": FIRST})
        rejected.first = [(row.id, Rejection(row.code)) for row in first]
    return Resolved(kept, accepted, rejected, Selection(f"{selection.condition} AND {code} IS NULL", selection.values))


async def _resolve_ids(session: AsyncSession, image_ids: list[UUID], code: str) -> Resolved:
    """In the order they were given, each once."""
    asked = list(dict.fromkeys(image_ids))
    statement = text(_REJECTED_IDS.format(code=code))
    codes = {row.id: Rejection(row.code) for row in await session.execute(statement, {"ids": asked})}
    accepted = [image_id for image_id in asked if image_id not in codes] if codes else asked
    rejected = [(image_id, codes[image_id]) for image_id in asked if image_id in codes] if codes else []
    return Resolved(
        target={"image_ids": [str(image_id) for image_id in accepted]},
        accepted=len(accepted),
        rejected=Rejected(codes=dict(Counter(codes.values())), first=rejected[:FIRST]),
        selection=Selection("i.id = ANY(CAST(:ids AS uuid[]))", {"ids": accepted}),
    )


async def _selected(session: AsyncSession, target: ImageTarget) -> tuple[dict[str, Any], Selection]:
    """The target as the ledger keeps it, and the images it means."""
    if target.is_trash:
        before = target.trashed_before
        if before is None:
            return {"trashed_before": None}, Selection("i.trashed_at IS NOT NULL", {})
        return {"trashed_before": before.isoformat()}, Selection("i.trashed_at < :before", {"before": before})
    if target.all:
        kept, selection = {"all": True}, Selection("i.trashed_at IS NULL", {})
    else:
        kept, selection = _of_folder(await _folder_id(session, target), recursive=target.recursive)
    if target.owner is None:
        return kept, selection
    owned = Selection(f"{selection.condition} AND i.owner = :owner", selection.values | {"owner": target.owner})
    return kept | {"owner": target.owner}, owned


def _of_folder(folder_id: UUID | None, *, recursive: bool) -> tuple[dict[str, Any], Selection]:
    kept = {"folder_id": None if folder_id is None else str(folder_id), "recursive": recursive}
    if folder_id is None:
        return kept, Selection(
            "i.trashed_at IS NULL" if recursive else "i.trashed_at IS NULL AND i.folder_id IS NULL", {}
        )
    inside = _BELOW if recursive else "i.folder_id = :folder_id"
    return kept, Selection(f"i.trashed_at IS NULL AND {inside}", {"folder_id": folder_id})


async def _folder_id(session: AsyncSession, target: ImageTarget) -> UUID | None:
    return await existing_folder(session, "target", target.folder_id, target.folder)


async def existing_folder(session: AsyncSession, field: str, folder_id: UUID | None, path: str | None) -> UUID | None:
    """The folder's id, None for the top. Whether it is still there when its turn comes, the work will see.

    Raises InvalidRequestError where there is no such folder.
    """
    if path is not None:
        clean = checked_path(path)
        found = (await session.exec(select(Folder.id).where(Folder.path == clean))).one_or_none()
        if found is None:
            raise InvalidRequestError(f"{field}.folder: there is no folder {clean}", field=f"{field}.folder")
        return found
    if folder_id is not None and await session.get(Folder, folder_id) is None:
        raise InvalidRequestError(f"{field}.folder_id: there is no folder {folder_id}", field=f"{field}.folder_id")
    return folder_id

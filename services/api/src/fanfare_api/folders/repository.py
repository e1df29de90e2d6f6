"""Folders in the ledger. A path is stored with each, so whoever moves one rewrites the paths below it: under `TREE_LOCK`."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.auth.caller import Caller
from fanfare_shared.db.tables import Folder
from fanfare_shared.errors import NotFoundError
from fanfare_shared.ids import uuid7

# Those who make folders or go by a path share it, those who move one have it alone: a path read under it stays right until
# the commit. It is taken before any folder's row, always, so that nobody waits for each other.
_TREE = 0x466F6C646572
LOCK_TREE = text(f"SELECT pg_advisory_xact_lock({_TREE})")
_SHARE_TREE = text(f"SELECT pg_advisory_xact_lock_shared({_TREE})")

_BY_PATH = text("SELECT id, path FROM folders WHERE path = ANY(:paths)")
# Locked, so that it is not deleted before an image that goes there is committed.
_HOLD_BY_PATH = text("SELECT id, path FROM folders WHERE path = ANY(:paths) FOR KEY SHARE")
_HOLD = text("SELECT path FROM folders WHERE id = :id FOR KEY SHARE")
_MAKE = text("""
INSERT INTO folders (id, parent_id, name, path, created_by)
SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:parent_ids AS uuid[]), CAST(:names AS text[]), CAST(:paths AS text[]))
     AS n(id, parent_id, name, path), (SELECT :actor) AS by(actor)
ORDER BY path
ON CONFLICT (path) DO NOTHING
""")


async def get_folder(session: AsyncSession, folder_id: UUID, *, lock: bool = False) -> Folder:
    """Raises NotFoundError."""
    folder = await session.get(Folder, folder_id, with_for_update=lock or None)
    if folder is None:
        raise _not_found(folder_id)
    return folder


async def share_tree(session: AsyncSession) -> None:
    """No folder is moved until the transaction ends."""
    await session.execute(_SHARE_TREE)


async def path_of(session: AsyncSession, folder_id: UUID) -> str:
    """The folder's path; it is neither moved nor deleted until the transaction ends. Raises NotFoundError."""
    await share_tree(session)
    path: str | None = (await session.execute(_HOLD, {"id": folder_id})).scalar()
    if path is None:
        raise _not_found(folder_id)
    return path


async def find_paths(session: AsyncSession, paths: Collection[str]) -> dict[str, UUID]:
    """The ids of those that exist."""
    rows = await session.execute(_BY_PATH, {"paths": list(paths)})
    return {row.path: row.id for row in rows}


async def ensure_paths(session: AsyncSession, caller: Caller, paths: Collection[str]) -> dict[str, UUID]:
    """The ids of these folders, `paths` being clean; what is missing is made, with all that is above it. They are neither
    moved nor deleted until the transaction ends.
    """
    wanted = set(paths) - {""}
    if not wanted:
        return {}
    await share_tree(session)
    found = await _hold_paths(session, wanted)
    if len(found) == len(wanted):
        return found
    tree = {above for path in wanted for above in _with_those_above(path)}
    found = await _hold_paths(session, tree)
    depth_of = {path: path.count("/") for path in tree - found.keys()}
    for depth in sorted(set(depth_of.values())):
        level = sorted(path for path, its_depth in depth_of.items() if its_depth == depth)
        await session.execute(
            _MAKE,
            {
                "ids": [uuid7() for _ in level],
                "parent_ids": [found.get(path.rpartition("/")[0]) for path in level],
                "names": [path.rpartition("/")[2] for path in level],
                "paths": level,
                "actor": caller.actor,
            },
        )
        found |= await _hold_paths(session, level)
    return found


async def _hold_paths(session: AsyncSession, paths: Collection[str]) -> dict[str, UUID]:
    rows = await session.execute(_HOLD_BY_PATH, {"paths": sorted(paths)})
    return {row.path: row.id for row in rows}


def _with_those_above(path: str) -> list[str]:
    names = path.split("/")
    return ["/".join(names[: end + 1]) for end in range(len(names))]


def _not_found(folder_id: UUID) -> NotFoundError:
    return NotFoundError(f"There is no folder {folder_id}")

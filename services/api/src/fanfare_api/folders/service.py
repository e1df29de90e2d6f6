"""Making, moving and deleting folders."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.auth.caller import Caller
from fanfare_api.folders.names import MAX_PATH_BYTES, checked_path, join
from fanfare_api.folders.repository import LOCK_TREE, ensure_paths, find_paths, get_folder, share_tree
from fanfare_api.folders.schemas import FolderChange, FolderCreate
from fanfare_shared.db.tables import Folder
from fanfare_shared.errors import AlreadyExistsError, ConflictError, InvalidRequestError, NameTooLongError
from fanfare_shared.images.file_names import checked_name

# Below a path are those that begin with it and a /; 0 is the character that follows /. Both ends use the index.
_BELOW = "path ~>=~ (CAST(:path AS text) || '/') AND path ~<~ (CAST(:path AS text) || '0')"
_LONGEST_BELOW = text(f"SELECT coalesce(max(octet_length(path)), 0) FROM folders WHERE {_BELOW}")
_MOVE = text(f"""
UPDATE folders SET
    path = CAST(:new_path AS text) || substr(path, length(CAST(:path AS text)) + 1),
    name = CASE WHEN id = :id THEN :name ELSE name END,
    parent_id = CASE WHEN id = :id THEN CAST(:parent_id AS uuid) ELSE parent_id END,
    updated_at = now()
WHERE id = :id OR ({_BELOW})
""")
_HOLDS_SOMETHING = text("""
SELECT EXISTS (SELECT FROM folders WHERE parent_id = :id) AS folders,
       EXISTS (SELECT FROM images WHERE folder_id = :id AND trashed_at IS NULL) AS images,
       EXISTS (SELECT FROM images WHERE folder_id = :id AND trashed_at IS NOT NULL) AS trashed
""")


async def create_folder(session: AsyncSession, caller: Caller, body: FolderCreate) -> Folder:
    """Raises AlreadyExistsError, NotFoundError for the parent, NameInvalidError and NameTooLongError."""
    await share_tree(session)
    if body.path is not None:
        path = checked_path(body.path)
    else:
        above = await get_folder(session, body.parent_id) if body.parent_id is not None else None
        path = join(above.path if above is not None else "", checked_name(body.name or ""))
    if not path:
        raise InvalidRequestError("path: give a name; the top is always there")
    if await find_paths(session, [path]):
        raise AlreadyExistsError(f"There is a folder {path} already")
    made = await ensure_paths(session, caller, [path])
    return await get_folder(session, made[path])


async def change_folder(session: AsyncSession, folder_id: UUID, change: FolderChange) -> Folder:
    """Renames and moves, with all that is below, in one statement.

    Raises AlreadyExistsError where the place is taken, ConflictError for a move into itself, NotFoundError.
    """
    await session.execute(LOCK_TREE)
    folder = await get_folder(session, folder_id)
    name = checked_name(change.name) if change.name is not None else folder.name
    parent_id = change.parent_id if "parent_id" in change.model_fields_set else folder.parent_id
    parent = await get_folder(session, parent_id) if parent_id is not None else None
    if parent is not None and f"{parent.path}/".startswith(f"{folder.path}/"):
        raise ConflictError("A folder cannot be moved into itself or below itself")
    path = join(parent.path if parent is not None else "", name)
    if path != folder.path:
        if await find_paths(session, [path]):
            raise AlreadyExistsError(f"There is a folder {path} already")
        longest = (await session.execute(_LONGEST_BELOW, {"path": folder.path})).scalar_one()
        if longest - len(folder.path.encode()) + len(path.encode()) > MAX_PATH_BYTES:
            raise NameTooLongError(f"The path of a folder below it would have over {MAX_PATH_BYTES:,} bytes")
    await session.execute(
        _MOVE, {"id": folder_id, "path": folder.path, "new_path": path, "name": name, "parent_id": parent_id}
    )
    await session.refresh(folder)
    return folder


async def delete_folder(session: AsyncSession, folder_id: UUID) -> Folder:
    """Raises ConflictError while it holds folders or images, trashed ones included."""
    folder = await get_folder(session, folder_id, lock=True)
    holds = (await session.execute(_HOLDS_SOMETHING, {"id": folder_id})).one()
    if holds.folders or holds.images:
        raise ConflictError("The folder is not empty: move or trash what is in it first")
    if holds.trashed:
        raise ConflictError("Images of this folder are in the trash: purge or restore them first")
    try:
        await session.delete(folder)
        await session.flush()
    except IntegrityError as error:  # something arrived between the look and now
        raise ConflictError("The folder is not empty: move or trash what is in it first") from error
    return folder

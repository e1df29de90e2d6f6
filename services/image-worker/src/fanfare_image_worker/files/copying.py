"""Copy and move: images into one folder."""

from collections.abc import Sequence
from uuid import UUID

from fanfare_image_worker.files.items import Outcomes, read_items
from fanfare_image_worker.files.names import Collision, Wish, choose_names, lock_folders
from fanfare_shared.contracts.words import ImageStatus
from fanfare_shared.db.connection import Connection
from fanfare_shared.ids import uuid7
from fanfare_shared.images.errors import (
    FolderUnknownError,
    ImageProcessingError,
    ImageTrashedError,
    ImageUnknownError,
    ItemError,
    NameTakenError,
)
from fanfare_shared.images.rows import Claim, FileRow

# It is not deleted before what goes there is committed.
_FOLDER = "SELECT FROM folders WHERE id = %s FOR KEY SHARE"

_MOVE = """
UPDATE images SET folder_id = %s, name = n.name, updated_at = now()
FROM unnest(%s::uuid[], %s::text[]) AS n (id, name) WHERE images.id = n.id
"""

_COPY = """
WITH n AS (SELECT * FROM unnest(%(sources)s::uuid[], %(ids)s::uuid[], %(names)s::text[]) AS n (source, id, name)),
copies AS (
    INSERT INTO images (id, original_id, folder_id, name, owner, status, error_code, error_message, created_by)
    SELECT n.id, m.original_id, %(folder)s, n.name, m.owner, m.status, m.error_code, m.error_message, %(created_by)s
    FROM n JOIN images m ON m.id = n.source
    RETURNING id
)
INSERT INTO variants (image_id, name, key, format, media_type, width, height, pages, size)
SELECT n.id, v.name, v.key, v.format, v.media_type, v.width, v.height, v.pages, v.size
FROM n JOIN copies USING (id) JOIN variants v ON v.image_id = n.source
"""


def move(connection: Connection, claim: Claim) -> Outcomes:
    outcomes, chosen, folder_id = _choose(connection, claim, leaves_its_place=True)
    images = [row.image_id for row, _ in chosen]
    connection.execute(_MOVE, (folder_id, images, [name for _, name in chosen]))
    for row, name in chosen:
        outcomes.succeed(row, **({"name": name} if name != row.name else {}))
    return outcomes


def copy(connection: Connection, claim: Claim) -> Outcomes:
    """New images of the same originals, with the same variants: nothing is stored twice."""
    outcomes, chosen, folder_id = _choose(connection, claim, leaves_its_place=False)
    ids = [uuid7() for _ in chosen]
    connection.execute(
        _COPY,
        {
            "sources": [row.image_id for row, _ in chosen],
            "ids": ids,
            "names": [name for _, name in chosen],
            "folder": folder_id,
            "created_by": claim.job.created_by,
        },
    )
    for (row, name), image_id in zip(chosen, ids, strict=True):
        outcomes.succeed(row, image_id=str(image_id), name=name)
    return outcomes


def _choose(
    connection: Connection, claim: Claim, *, leaves_its_place: bool
) -> tuple[Outcomes, list[tuple[FileRow, str]], UUID | None]:
    """The names the images get in the folder, and what became of those that get none."""
    parameters = claim.job.parameters
    folder_id = UUID(parameters["folder_id"]) if parameters["folder_id"] is not None else None
    collision = Collision(parameters.get("collision", Collision.NUMBER))
    lock_folders(connection, [folder_id])
    outcomes = Outcomes()
    rows = read_items(connection, claim.lease)
    if folder_id is not None and connection.execute(_FOLDER, (folder_id,)).fetchone() is None:
        for row in rows:
            outcomes.fail(row, FolderUnknownError())
        return outcomes, [], folder_id
    rows = [row for row in rows if _is_workable(row, outcomes, is_copied=not leaves_its_place)]
    wishes = [
        Wish((folder_id, row.name or ""), (row.folder_id, row.name or "") if leaves_its_place else None) for row in rows
    ]
    movers = {row.image_id for row in rows} if leaves_its_place else set()
    return (
        outcomes,
        settle_names(rows, choose_names(connection, wishes, collision, movers), collision, outcomes),
        folder_id,
    )


def settle_names(
    rows: Sequence[FileRow], names: Sequence[str | None], collision: Collision, outcomes: Outcomes
) -> list[tuple[FileRow, str]]:
    """The rows that got a name; the others are skipped or fail, as `collision` says."""
    chosen = []
    for row, name in zip(rows, names, strict=True):
        if name is not None:
            chosen.append((row, name))
        elif collision is Collision.SKIP:
            outcomes.succeed(row, skipped=NameTakenError.code)
        else:
            outcomes.fail(row, NameTakenError())
    return chosen


def _is_workable(row: FileRow, outcomes: Outcomes, *, is_copied: bool) -> bool:
    error: ItemError | None = None
    if row.is_gone:
        error = ImageUnknownError()
    elif row.trashed_at is not None:
        error = ImageTrashedError()
    elif is_copied and row.status == ImageStatus.PROCESSING:
        # Its variants would never come to the copy.
        error = ImageProcessingError()
    if error is not None:
        outcomes.fail(row, error)
    return error is None

"""Rename: by a pattern of `{stem}`, `{ext}` (with its dot), `{n}` (the image's number in the job, from 1), `{n:04}`,
`{date}` (uploaded, `2026-11-21`) and `{folder}` (the folder's name).
"""

from string import Formatter

from fanfare_image_worker.files.copying import settle_names
from fanfare_image_worker.files.items import Outcomes, peek_items, read_items
from fanfare_image_worker.files.names import Collision, Wish, choose_names, lock_folders
from fanfare_shared.db.connection import Connection
from fanfare_shared.errors import InvalidRequestError
from fanfare_shared.images.errors import ImageTrashedError, ImageUnknownError, NameUnusableError
from fanfare_shared.images.file_names import checked_name, stem_and_extension
from fanfare_shared.images.rows import Claim, FileRow

_MOST_DIGITS = 9

_RENAME = """
UPDATE images SET name = n.name, updated_at = now()
FROM unnest(%s::uuid[], %s::text[]) AS n (id, name) WHERE images.id = n.id
"""


def rename(connection: Connection, claim: Claim) -> Outcomes:
    pattern = str(claim.job.parameters["pattern"])
    collision = Collision(claim.job.parameters.get("collision", Collision.NUMBER))
    lock_folders(connection, [row.folder_id for row in peek_items(connection, claim.lease)])
    outcomes, rows, wishes = Outcomes(), [], []
    for row in read_items(connection, claim.lease):
        if row.name is None:
            outcomes.fail(row, ImageUnknownError())
        elif row.trashed_at is not None:
            outcomes.fail(row, ImageTrashedError())
        else:
            try:
                wish = Wish((row.folder_id, new_name(pattern, row)), (row.folder_id, row.name))
            except InvalidRequestError as error:
                outcomes.fail(row, NameUnusableError(error.detail))
                continue
            rows.append(row)
            wishes.append(wish)
    names = choose_names(connection, wishes, collision, {row.image_id for row in rows})
    chosen = settle_names(rows, names, collision, outcomes)
    connection.execute(_RENAME, ([row.image_id for row, _ in chosen], [name for _, name in chosen]))
    for row, name in chosen:
        outcomes.succeed(row, name=name)
    return outcomes


def new_name(pattern: str, row: FileRow) -> str:
    """Raises NameInvalidError, NameTooLongError."""
    stem, extension = stem_and_extension(row.name or "")
    values = {
        "stem": stem,
        "ext": extension,
        "n": str(row.position + 1),
        "date": row.uploaded_at.date().isoformat() if row.uploaded_at is not None else "",
        "folder": (row.folder or "").rpartition("/")[2],
    }
    parts = []
    for literal, name, width, _ in Formatter().parse(pattern):
        parts.append(literal)
        if name is not None:
            # Never `str.format`, which reads attributes and makes widths of a billion.
            value = values.get(name, "{" + name + "}")
            is_padded = name == "n" and width is not None and width.isdecimal()
            parts.append(value.zfill(min(int(width or 0), _MOST_DIGITS)) if is_padded else value)
    return checked_name("".join(parts))

"""Trash and restore."""

from fanfare_image_worker.files.items import Outcomes, read_items
from fanfare_shared.db.connection import Connection
from fanfare_shared.images.errors import ImageNotTrashedError, ImageTrashedError, ImageUnknownError
from fanfare_shared.images.rows import Claim

_TRASH = "UPDATE images SET trashed_at = now(), updated_at = now() WHERE id = ANY(%s)"
_RESTORE = "UPDATE images SET trashed_at = NULL, updated_at = now() WHERE id = ANY(%s)"


def trash(connection: Connection, claim: Claim) -> Outcomes:
    return _set_trashed(connection, claim, trashed=True)


def restore(connection: Connection, claim: Claim) -> Outcomes:
    return _set_trashed(connection, claim, trashed=False)


def _set_trashed(connection: Connection, claim: Claim, *, trashed: bool) -> Outcomes:
    outcomes, changed = Outcomes(), []
    for row in read_items(connection, claim.lease):
        if row.is_gone:
            outcomes.fail(row, ImageUnknownError())
        elif (row.trashed_at is not None) is trashed:
            outcomes.fail(row, ImageTrashedError("It was in the trash already") if trashed else ImageNotTrashedError())
        else:
            outcomes.succeed(row)
            changed.append(row.image_id)
    connection.execute(_TRASH if trashed else _RESTORE, (changed,))
    return outcomes

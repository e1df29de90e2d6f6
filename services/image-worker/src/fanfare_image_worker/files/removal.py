"""Purge and drop_original: rows go, and what no row names any more is noted to be removed from storage."""

from collections.abc import Collection, Iterable
from uuid import UUID

from fanfare_image_worker.files.items import Outcomes, read_items
from fanfare_shared.db.connection import Connection
from fanfare_shared.images.doomed import VARIANT_GRACE_SECONDS, doom
from fanfare_shared.images.errors import ImageNotTrashedError, ImageUnknownError, OriginalInUseError
from fanfare_shared.images.rows import Claim, FileRow

# In the digests' order, as uploads lock them. Whoever uploads the same bytes waits, and then makes an original anew.
_LOCK_ORIGINALS = """
SELECT count(*) FROM (SELECT FROM originals WHERE id = ANY(%s) ORDER BY digest FOR UPDATE) AS locked
"""
_DELETE_VARIANTS = "DELETE FROM variants WHERE image_id = ANY(%s) RETURNING key, image_id"
_DELETE_IMAGES = "DELETE FROM images WHERE id = ANY(%s)"
_DELETE_ORIGINALS = """
DELETE FROM originals o
WHERE id = ANY(%s) AND NOT EXISTS (SELECT FROM images m WHERE m.original_id = o.id)
RETURNING id, key
"""
_STILL_NAMED = "SELECT DISTINCT key FROM variants WHERE key = ANY(%s)"

_IN_USE = """
SELECT DISTINCT m.original_id FROM images m
WHERE m.original_id = ANY(%(originals)s)
  AND NOT EXISTS (SELECT FROM image_items i WHERE i.image_id = m.id AND i.job_id = %(job)s)
"""
_READ_KEYS = "SELECT key FROM originals WHERE id = ANY(%s) AND key IS NOT NULL"
_DROP = "UPDATE originals SET key = NULL, dropped_at = now() WHERE id = ANY(%s) AND key IS NOT NULL"


def purge(connection: Connection, claim: Claim) -> Outcomes:
    """For good. A job that empties the trash leaves alone what was restored since."""
    only_trashed = "trashed_before" in claim.job.target
    outcomes, purged = Outcomes(), []
    for row in read_items(connection, claim.lease, to_remove=True):
        if row.is_gone:
            outcomes.fail(row, ImageUnknownError())
        elif only_trashed and row.trashed_at is None:
            outcomes.fail(row, ImageNotTrashedError())
        else:
            outcomes.succeed(row)
            purged.append(row)
    _delete(connection, purged)
    return outcomes


def _delete(connection: Connection, rows: Collection[FileRow]) -> None:
    original_of = {row.image_id: row.original_id for row in rows}
    originals = list(_ids(original_of.values()))
    connection.execute(_LOCK_ORIGINALS, (originals,))
    variants = connection.execute(_DELETE_VARIANTS, (list(original_of),)).fetchall()
    connection.execute(_DELETE_IMAGES, (list(original_of),))
    gone: dict[UUID, str | None] = dict(connection.execute(_DELETE_ORIGINALS, (originals,)).fetchall())
    doom(connection, [key for key in gone.values() if key is not None])
    keys = {key for key, _ in variants}
    unnamed = keys - {row[0] for row in connection.execute(_STILL_NAMED, (list(keys),))}
    # Where images of the same original are left, a worker may be about to record the same variant for one of them.
    at_once = {key for key, image_id in variants if key in unnamed and original_of[image_id] in gone}
    doom(connection, at_once)
    doom(connection, unnamed - at_once, VARIANT_GRACE_SECONDS)


def drop_original(connection: Connection, claim: Claim) -> Outcomes:
    """The variants stay. An original that an image outside the job has, too, is kept."""
    outcomes, rows = Outcomes(), []
    for row in read_items(connection, claim.lease):
        if row.is_gone:
            outcomes.fail(row, ImageUnknownError())
        else:
            rows.append(row)
    originals = _ids(row.original_id for row in rows)
    connection.execute(_LOCK_ORIGINALS, (list(originals),))
    in_use = {
        row[0] for row in connection.execute(_IN_USE, {"originals": list(originals), "job": claim.job.id}).fetchall()
    }
    for row in rows:
        if row.original_id in in_use:
            outcomes.fail(row, OriginalInUseError())
        else:
            outcomes.succeed(row)
    dropped = list(originals - in_use)
    keys = [row[0] for row in connection.execute(_READ_KEYS, (dropped,))]
    connection.execute(_DROP, (dropped,))
    doom(connection, keys)
    return outcomes


def _ids(ids: Iterable[UUID | None]) -> set[UUID]:
    return {one for one in ids if one is not None}

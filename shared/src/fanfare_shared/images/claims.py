"""Claiming a batch of images, and what becomes of an image whose worker died: tried once more, then set aside as failed."""

from collections.abc import Callable, Collection
from typing import Any
from uuid import UUID

from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from fanfare_shared.bulk.claims import claim_batch, nobody_is_known_dead
from fanfare_shared.bulk.lease import Lease
from fanfare_shared.contracts.words import Lane, Operation
from fanfare_shared.db.connection import Connection, the_row
from fanfare_shared.images.doomed import VARIANT_GRACE_SECONDS
from fanfare_shared.images.errors import (
    ImageKilledWorkerError,
    ImageUnknownError,
    ItemError,
    OriginalGoneError,
    OriginalMissingError,
)
from fanfare_shared.images.kind import IMAGE_JOBS
from fanfare_shared.images.rows import Claim, ItemRow, JobRow, MadeVariant, WatermarkRow

MAX_DEATHS = 2
"""Workers that an image may kill."""

_READ_JOB = "SELECT operation, parameters, target, created_by, request_id FROM image_jobs WHERE id = %s"

_COUNT_DEATH = """
UPDATE image_items SET deaths = deaths + 1, attempts = attempts + 1
WHERE job_id = %s AND position = %s AND batch_id = %s AND status = 'pending'
RETURNING deaths, image_id
"""

# `writes` moves on: a batch of several such images is not to be taken for one that nobody can work on.
_SET_ITEM_ASIDE = """
WITH item AS (
    UPDATE image_items SET status = 'failed', error_code = %(code)s, error_message = %(message)s, finished_at = now()
    WHERE job_id = %(job)s AND position = %(position)s
), image AS (
    UPDATE images SET status = 'failed', error_code = %(code)s, error_message = %(message)s, updated_at = now()
    WHERE id = %(image)s AND %(is_upload)s
)
UPDATE image_batches
SET failed = failed + 1, errors = add_counts(errors, %(errors)s), writes = writes + 1
WHERE id = %(batch)s
RETURNING writes
"""

_START = """
WITH pending AS (
    SELECT i.position, i.image_id, coalesce(m.name, i.name) AS name, coalesce(m.trashed_at IS NOT NULL, false) AS is_trashed,
           m.status, o.id AS original_id, o.digest, o.key, o.media_type, o.price
    FROM image_items i LEFT JOIN images m ON m.id = i.image_id LEFT JOIN originals o ON o.id = m.original_id
    WHERE i.batch_id = %(batch)s AND i.status = 'pending'
), started AS (
    UPDATE image_batches SET running = (SELECT min(position) FROM pending) WHERE id = %(batch)s
)
SELECT * FROM pending ORDER BY position
"""

# Whoever removes a doomed object holds its row: after this, either it is gone and can be made anew, or it stays.
# Postponed, not forgotten: should nobody record it after all, it is removed then.
_TAKE_OVER = """
WITH postponed AS (
    UPDATE doomed_objects SET due_at = greatest(due_at, clock_timestamp() + %(grace)s * interval '1 second')
    WHERE key = ANY(%(keys)s)
)
SELECT DISTINCT ON (key) key, format, media_type, width, height, pages, size FROM variants WHERE key = ANY(%(keys)s)
"""

_KEY = "SELECT o.key FROM images m JOIN originals o ON o.id = m.original_id WHERE m.id = %s"

_WATERMARKS = """
SELECT m.id AS image_id, o.digest, o.key FROM images m JOIN originals o ON o.id = m.original_id WHERE m.id = ANY(%s)
"""


def claim(
    connection: Connection,
    batch_id: int,
    worker: str,
    lease_seconds: float,
    is_dead: Callable[[str], bool] = nobody_is_known_dead,
    limits: str = "",
) -> Claim | None:
    """The batch, leased to `worker` for `lease_seconds`; None as `claim_batch` says.

    The image that a dead predecessor was working on counts a death; at the second it is failed, with `limits` (a sentence)
    in its error's message. Call inside a transaction.
    """
    leased = claim_batch(connection, IMAGE_JOBS, batch_id, worker, lease_seconds, is_dead)
    if leased is None:
        return None
    job = _read_job(connection, leased["job_id"])
    writes = leased["writes"]
    if leased["predecessor_died"] and leased["running"] is not None:
        writes = _count_death(connection, leased, job, limits)
    lease = Lease(batch_id, job.id, leased["epoch"], writes)
    return Claim(lease=lease, job=job, lane=Lane(leased["lane"]), size=leased["size"])


def start_items(connection: Connection, lease: Lease) -> list[ItemRow]:
    """The batch's pending items in their order, the first of them marked as running."""
    with connection.cursor(row_factory=class_row(ItemRow)) as cursor:
        return cursor.execute(_START, {"batch": lease.batch_id}).fetchall()


def why_missing(connection: Connection, image_id: UUID) -> ItemError:
    """What is wrong with an image whose original storage does not have: it may have been done away with meanwhile."""
    row = connection.execute(_KEY, (image_id,)).fetchone()
    if row is None:
        return ImageUnknownError()
    return OriginalGoneError() if row[0] is None else OriginalMissingError()


def take_over_variants(connection: Connection, keys: Collection[str]) -> dict[str, MadeVariant]:
    """What there is already of these objects, by key; none of them is removed for as long as `doomed.VARIANT_GRACE_SECONDS`."""
    if not keys:
        return {}
    with connection.cursor(row_factory=class_row(MadeVariant)) as cursor:
        return {
            row.key: row for row in cursor.execute(_TAKE_OVER, {"keys": list(keys), "grace": VARIANT_GRACE_SECONDS})
        }


def read_watermarks(connection: Connection, image_ids: Collection[UUID]) -> dict[UUID, WatermarkRow]:
    if not image_ids:
        return {}
    with connection.cursor(row_factory=class_row(WatermarkRow)) as cursor:
        return {row.image_id: row for row in cursor.execute(_WATERMARKS, (list(image_ids),))}


def _read_job(connection: Connection, job_id: UUID) -> JobRow:
    with connection.cursor(row_factory=dict_row) as cursor:
        row = the_row(cursor.execute(_READ_JOB, (job_id,)))
    return JobRow(job_id, **row | {"operation": Operation(row["operation"])})


def _count_death(connection: Connection, leased: dict[str, Any], job: JobRow, limits: str) -> int:
    """The batch's `writes` afterwards."""
    position = leased["running"]
    item = connection.execute(_COUNT_DEATH, (job.id, position, leased["id"])).fetchone()
    if item is None or item[0] < MAX_DEATHS:
        return int(leased["writes"])
    error = ImageKilledWorkerError
    return int(
        the_row(
            connection.execute(
                _SET_ITEM_ASIDE,
                {
                    "code": error.code,
                    "message": f"{error.title}: out of time or memory, most likely. {limits}".strip(),
                    "job": job.id,
                    "position": position,
                    "image": item[1],
                    "is_upload": job.operation is Operation.UPLOAD,
                    "errors": Jsonb({error.code: 1}),
                    "batch": leased["id"],
                },
            )
        )[0]
    )

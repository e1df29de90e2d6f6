"""Recording an item's outcome and beginning the next, in one statement that commits by itself.

So a stopped worker holds no lock, and a commit in doubt settles itself: repeated, the statement finds `writes` moved on,
does nothing, and the row says that it was the first one that counted.
"""

from typing import Any

from psycopg.types.json import Jsonb

from fanfare_shared.bulk.kind import MAY_WORK
from fanfare_shared.bulk.lease import Lease
from fanfare_shared.contracts.words import BatchStatus, ImageStatus, ItemOutcome, Lane, Operation
from fanfare_shared.db.connection import Connection
from fanfare_shared.errors import LeaseLostError
from fanfare_shared.images.doomed import VARIANT_GRACE_SECONDS
from fanfare_shared.images.rows import Done, ItemRow, JobRow, OriginalFacts, Recorded

_MAY_GO_ON = f"({MAY_WORK} AND b.status = 'leased' AND b.due_at > now())"

# What was done needs the epoch only, for it must not be lost; going on needs a live lease and a job that may be worked on.
_JOURNAL = f"""
journal AS (
    UPDATE image_batches b
    SET running = CASE WHEN {_MAY_GO_ON} THEN %(next)s::int END,
        due_at = CASE WHEN {_MAY_GO_ON} THEN now() + %(renew)s * interval '1 second' ELSE b.due_at END,
        writes = b.writes + 1, {{counts}}
    FROM image_jobs j
    WHERE b.id = %(batch)s AND j.id = b.job_id AND b.epoch = %(epoch)s AND b.writes = %(writes)s
      AND b.status IN ('leased', 'published')
    RETURNING {_MAY_GO_ON} AS may_work
)"""

_COUNTED = """
        succeeded = b.succeeded + %(succeeded)s, failed = b.failed + %(failed)s,
        errors = CASE WHEN %(code)s::text IS NULL THEN b.errors ELSE add_counts(b.errors, %(errors)s) END"""

_ORIGINAL = """
original AS (
    UPDATE originals
    SET format = %(format)s, media_type = %(media_type)s, width = %(width)s, height = %(height)s, pages = %(pages)s,
        price = %(price)s
    WHERE id = %(original)s AND format IS NULL AND EXISTS (SELECT FROM journal)
)"""

_ITEM = """
item AS (
    UPDATE image_items
    SET status = %(outcome)s, error_code = %(code)s, error_message = %(message)s, attempts = attempts + 1,
        duration_ms = %(duration)s, finished_at = now()
    WHERE job_id = %(job)s AND position = %(position)s AND EXISTS (SELECT FROM journal)
)"""

# Whoever purges an image holds its row: then there is none any more, and nothing to keep of it.
_IMAGE = """
alive AS (SELECT id FROM images WHERE id = %(image)s AND EXISTS (SELECT FROM journal) FOR NO KEY UPDATE),
image AS (
    UPDATE images SET status = %(image_status)s, error_code = %(code)s, error_message = %(message)s, updated_at = now()
    WHERE id IN (SELECT id FROM alive) AND %(image_status)s::text IS NOT NULL
)"""

# What is replaced is doomed whether or not another image has it, too: another may be replacing that at this moment, and
# neither would see it. Whoever removes it looks again.
_VARIANTS = f"""
made AS (
    SELECT * FROM unnest(%(names)s::text[], %(keys)s::text[], %(formats)s::text[], %(media_types)s::text[],
                         %(widths)s::int[], %(heights)s::int[], %(pages_each)s::int[], %(sizes)s::bigint[])
         AS m (name, key, format, media_type, width, height, pages, size)
),
doomed AS (
    INSERT INTO doomed_objects AS d (key, due_at)
    SELECT DISTINCT v.key, now() + interval '{VARIANT_GRACE_SECONDS} seconds'
    FROM variants v JOIN made USING (name)
    WHERE v.image_id IN (SELECT id FROM alive) AND v.key <> made.key
    ON CONFLICT (key) DO UPDATE SET due_at = greatest(d.due_at, excluded.due_at)
),
kept AS (
    INSERT INTO variants (image_id, name, key, format, media_type, width, height, pages, size)
    SELECT alive.id, made.* FROM alive, made
    ON CONFLICT (image_id, name) DO UPDATE
    SET key = excluded.key, format = excluded.format, media_type = excluded.media_type, width = excluded.width,
        height = excluded.height, pages = excluded.pages, size = excluded.size, created_at = now()
)"""

_ANSWER = "SELECT may_work, EXISTS (SELECT FROM alive) FROM journal"
_FAILED = f"WITH {_JOURNAL.format(counts=_COUNTED)}, {_ITEM}, {_IMAGE}, {_ORIGINAL} {_ANSWER}"
_SUCCEEDED = f"WITH {_JOURNAL.format(counts=_COUNTED)}, {_ITEM}, {_IMAGE}, {_ORIGINAL}, {_VARIANTS} {_ANSWER}"

_RENEW = f"WITH {_JOURNAL.format(counts='size = b.size')} SELECT may_work, true FROM journal"

_MOVE = f"""
WITH {_JOURNAL.format(counts="size = b.size - 1")}, {_ORIGINAL},
batch AS (
    INSERT INTO image_batches (job_id, lane, first_position, last_position, size, status, due_at, hints)
    SELECT %(job)s, %(heavy)s, %(position)s, %(position)s, 1, %(status)s,
           now() + %(hint_again)s * interval '1 second', %(hints)s
    FROM journal RETURNING id
),
item AS (
    UPDATE image_items SET batch_id = batch.id FROM batch WHERE job_id = %(job)s AND position = %(position)s
)
SELECT may_work, true FROM journal
"""

_LOOK = f"""
SELECT b.epoch, b.writes, {_MAY_GO_ON} AS may_work,
       EXISTS (SELECT FROM images WHERE id = %s) AS image_lives
FROM image_batches b JOIN image_jobs j ON j.id = b.job_id WHERE b.id = %s
"""
_BATCH_OF = "SELECT batch_id FROM image_items WHERE job_id = %s AND position = %s"

_HINT_AGAIN_SECONDS = 30
"""When the sweep repeats the hint of a batch that was published: as for any."""


def record(
    connection: Connection, lease: Lease, job: JobRow, done: Done, next_position: int | None, renew_seconds: float
) -> Recorded:
    """Records an item's outcome, its variants and its original's header, and marks `next_position` as running where the
    job may still be worked on; then the lease holds `renew_seconds` from now.

    Raises LeaseLostError where the batch was claimed or drained since; then nothing was written.
    """
    parameters = _of_lease(lease, next_position, renew_seconds) | _of_done(job, done)
    parameters |= _of_original(done.item, done.facts)
    if done.error is not None:
        return _write(connection, _FAILED, lease, parameters)
    return _write(connection, _SUCCEEDED, lease, parameters | _of_variants(done))


def move_to_heavy(
    connection: Connection,
    lease: Lease,
    item: ItemRow,
    facts: OriginalFacts | None,
    next_position: int | None,
    renew_seconds: float,
    *,
    publish: bool,
) -> tuple[Recorded, int]:
    """Moves an item to a batch of its own on `images.heavy`, and goes on as `record` does; that batch's id beside.

    `publish`: the batch's hint follows at once. Otherwise it is ready, for dispatch to publish. Raises LeaseLostError.
    """
    parameters = _of_lease(lease, next_position, renew_seconds) | _of_original(item, facts)
    parameters |= {
        "job": lease.job_id,
        "position": item.position,
        "image": item.image_id,
        "heavy": Lane.HEAVY.value,
        "status": (BatchStatus.PUBLISHED if publish else BatchStatus.READY).value,
        "hint_again": _HINT_AGAIN_SECONDS if publish else 0,
        "hints": 1 if publish else 0,
    }
    recorded = _write(connection, _MOVE, lease, parameters)
    row = connection.execute(_BATCH_OF, (lease.job_id, item.position)).fetchone()
    return recorded, int(row[0]) if row is not None else 0


def renew(connection: Connection, lease: Lease, renew_seconds: float) -> Recorded:
    """The lease holds `renew_seconds` from now, where the job may still be worked on. Raises LeaseLostError."""
    return _write(connection, _RENEW, lease, _of_lease(lease, None, renew_seconds) | {"image": None})


def _write(connection: Connection, statement: str, lease: Lease, parameters: dict[str, Any]) -> Recorded:
    row = connection.execute(statement, parameters).fetchone()
    recorded = Recorded(*row) if row is not None else _settle_doubt(connection, lease, parameters)
    lease.writes += 1
    return recorded


def _settle_doubt(connection: Connection, lease: Lease, parameters: dict[str, Any]) -> Recorded:
    """The statement matched no row: either an earlier try of it was committed unseen, or the lease is lost."""
    row = connection.execute(_LOOK, (parameters["image"], lease.batch_id)).fetchone()
    if row is None or row[0] != lease.epoch or row[1] != lease.writes + 1:
        raise LeaseLostError(f"Batch {lease.batch_id} is no longer at epoch {lease.epoch}, write {lease.writes}")
    return Recorded(*row[2:])


def _of_lease(lease: Lease, next_position: int | None, renew_seconds: float) -> dict[str, Any]:
    return {
        "batch": lease.batch_id,
        "epoch": lease.epoch,
        "writes": lease.writes,
        "next": next_position,
        "renew": renew_seconds,
    }


def _of_done(job: JobRow, done: Done) -> dict[str, Any]:
    error, succeeded = done.error, done.outcome is ItemOutcome.SUCCEEDED
    code = error.code if error is not None else None
    # An upload's image becomes ready or failed with it; a later job does not spoil an image that is ready.
    fails_image = job.operation is Operation.UPLOAD
    image_status = ImageStatus.READY if succeeded else ImageStatus.FAILED if fails_image else None
    return {
        "job": job.id,
        "position": done.item.position,
        "image": done.item.image_id,
        "image_status": image_status.value if image_status is not None else None,
        "outcome": done.outcome.value,
        "succeeded": int(succeeded),
        "failed": int(not succeeded),
        "code": code,
        "message": error.detail if error is not None else None,
        "errors": Jsonb({code: 1} if code is not None else {}),
        "duration": round(done.seconds * 1000),
    }


def _of_original(item: ItemRow, facts: OriginalFacts | None) -> dict[str, Any]:
    """Without facts nothing of the original is written."""
    return {
        "original": item.original_id if facts is not None else None,
        "format": facts and facts.format,
        "media_type": facts and facts.media_type,
        "width": facts and facts.width,
        "height": facts and facts.height,
        "pages": facts and facts.pages,
        "price": facts and facts.price,
    }


def _of_variants(done: Done) -> dict[str, Any]:
    made = list(done.variants.values())
    return {
        "names": list(done.variants),
        "keys": [variant.key for variant in made],
        "formats": [variant.format for variant in made],
        "media_types": [variant.media_type for variant in made],
        "widths": [variant.width for variant in made],
        "heights": [variant.height for variant in made],
        "pages_each": [variant.pages for variant in made],
        "sizes": [variant.size for variant in made],
    }

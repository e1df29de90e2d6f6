"""Draining: the open batches of an image job that ends early are closed, their items without an outcome cancelled.

A batch under a live lease is left to its worker, which gives it back at its next write.
"""

from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from fanfare_orchestrator.bulk.steps import Drained
from fanfare_shared.bulk.closing import fold
from fanfare_shared.contracts.words import Outcome
from fanfare_shared.db.connection import Connection
from fanfare_shared.images.kind import IMAGE_JOBS

# What a transaction closes at most, but for one batch that is larger: less than half a second.
_ITEMS = 10_000
_BATCHES = 1_000

_IS_OPEN = "status <> 'closed' AND (status <> 'leased' OR due_at <= now())"
_LOOK = f"SELECT id, size FROM image_batches WHERE job_id = %s AND {_IS_OPEN} ORDER BY id LIMIT %s"
_LOCK = f"SELECT id FROM image_batches WHERE id = ANY(%s) AND {_IS_OPEN} ORDER BY id FOR UPDATE SKIP LOCKED"

# A closed batch's epoch has moved on, so a worker back from the dead records nothing. Its counts are the items', which are
# the truth. An upload's image that nobody will look at any more says why.
_CLOSE = """
WITH items AS (
    SELECT job_id, position, batch_id, image_id, error_code,
           CASE status WHEN 'pending' THEN 'cancelled' ELSE status END AS outcome, status = 'pending' AS is_rest
    FROM image_items WHERE batch_id = ANY(%(batches)s)
),
cancelled AS (
    UPDATE image_items i
    SET status = 'cancelled', error_code = %(item_code)s, error_message = %(item_message)s, finished_at = now()
    FROM items WHERE items.is_rest AND i.job_id = items.job_id AND i.position = items.position
),
images AS (
    UPDATE images SET status = 'failed', error_code = %(code)s, error_message = %(message)s, updated_at = now()
    FROM items JOIN image_jobs j ON j.id = items.job_id
    WHERE items.is_rest AND j.operation = 'upload' AND images.id = items.image_id AND images.status = 'processing'
),
by_code AS (
    SELECT batch_id, jsonb_object_agg(error_code, count) AS errors
    FROM (SELECT batch_id, error_code, count(*) FROM items
          WHERE outcome = 'failed' AND error_code IS NOT NULL GROUP BY 1, 2) AS counted
    GROUP BY 1
),
tally AS (
    SELECT b.id, count(items.position) AS size, count(*) FILTER (WHERE outcome = 'succeeded') AS succeeded,
           count(*) FILTER (WHERE outcome = 'failed') AS failed, count(*) FILTER (WHERE outcome = 'cancelled') AS cancelled,
           coalesce((SELECT errors FROM by_code WHERE batch_id = b.id), '{}') AS errors
    FROM unnest(%(batches)s::bigint[]) AS b (id) LEFT JOIN items ON items.batch_id = b.id
    GROUP BY b.id
)
UPDATE image_batches b
SET status = 'closed', due_at = NULL, closed_at = now(), epoch = epoch + 1, worker = NULL, running = NULL, size = tally.size,
    succeeded = tally.succeeded, failed = tally.failed, cancelled = tally.cancelled, errors = tally.errors
FROM tally WHERE b.id = tally.id
RETURNING b.id, b.job_id, b.size, b.succeeded, b.failed, b.cancelled
"""

_WHY = {
    Outcome.CANCELLED: ("CANCELLED", "The image job was cancelled before its turn"),
    Outcome.EXPIRED: ("EXPIRED", "The image job expired before its turn"),
}


def drain(connection: Connection, job_id: UUID, outcome: Outcome) -> Drained:
    """Closes some of the job's open batches, their rest as cancelled; of an expired job with the code `EXPIRED`.

    Locks the batches' rows, then their items', then the job's. Call inside a transaction.
    """
    batches = connection.execute(_LOOK, (job_id, _BATCHES)).fetchall()
    taken = _up_to(_ITEMS, batches)
    locked = [row[0] for row in connection.execute(_LOCK, (taken,)).fetchall()]
    if not locked:
        return Drained(0, more=False)
    for batch in _close(connection, outcome, locked):
        fold(connection, IMAGE_JOBS, batch, batch["size"])
    return Drained(len(locked), more=len(taken) < len(batches) or len(batches) == _BATCHES)


def _up_to(most: int, batches: list[tuple[Any, ...]]) -> list[int]:
    """The first batches, until they have `most` items."""
    taken, items = [], 0
    for batch_id, size in batches:
        if items >= most:
            break
        taken.append(batch_id)
        items += size
    return taken


def _close(connection: Connection, outcome: Outcome, batch_ids: list[int]) -> list[dict[str, Any]]:
    code, message = _WHY[outcome]
    # A cancelled item needs no reason; one that expired is told from it by its code.
    of_items = (code, message) if outcome is Outcome.EXPIRED else (None, None)
    values = {"batches": batch_ids, "code": code, "message": message}
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_CLOSE, values | {"item_code": of_items[0], "item_message": of_items[1]}).fetchall()

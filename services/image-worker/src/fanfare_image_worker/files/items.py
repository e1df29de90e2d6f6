"""A file operation's items: read under locks, and their outcomes written in the transaction that changes their images."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from psycopg.rows import class_row

from fanfare_shared import metrics
from fanfare_shared.bulk.lease import Lease
from fanfare_shared.contracts.words import ItemOutcome
from fanfare_shared.db.connection import Connection
from fanfare_shared.errors import FanfareError
from fanfare_shared.images.rows import Claim, FileRow

# In the order of their ids, so that two operations on the same images wait for one another instead of deadlocking.
_LOCK_IMAGES = """
SELECT count(*) FROM (
    SELECT FROM images
    WHERE id IN (SELECT image_id FROM image_items WHERE batch_id = %s AND status = 'pending')
    ORDER BY id FOR {strength}
) AS locked
"""

_READ = """
SELECT i.position, i.image_id, i.name AS planned_name, m.name, m.folder_id, f.path AS folder, m.status, m.trashed_at,
       m.uploaded_at, m.original_id, o.key, o.size
FROM image_items i
LEFT JOIN images m ON m.id = i.image_id LEFT JOIN originals o ON o.id = m.original_id LEFT JOIN folders f ON f.id = m.folder_id
WHERE i.batch_id = %s AND i.status = 'pending'
ORDER BY i.position
"""

# What is said of an item is looked up, not joined: the planner takes a new batch for a row or two, and a nested loop over
# its 5,000 items and as many outcomes took 2 s (measured; this: 0.1 s).
_RECORD = """
UPDATE image_items
SET status = CASE WHEN %(errors)s::jsonb ? position::text THEN %(failed)s ELSE %(succeeded)s END,
    error_code = %(errors)s::jsonb -> position::text ->> 0, error_message = %(errors)s::jsonb -> position::text ->> 1,
    result = %(results)s::jsonb -> position::text, attempts = attempts + 1, finished_at = now()
WHERE job_id = %(job)s AND batch_id = %(batch)s AND status = 'pending' AND position = ANY(%(positions)s)
"""

# From the items themselves: whatever the batch counted before is among them.
_COUNT = """
UPDATE image_batches
SET succeeded = counted.succeeded, failed = counted.failed, errors = counted.errors, writes = writes + 1
FROM (
    SELECT coalesce(sum(n) FILTER (WHERE status = 'succeeded'), 0) AS succeeded,
           coalesce(sum(n) FILTER (WHERE status = 'failed'), 0) AS failed,
           coalesce(jsonb_object_agg(error_code, n) FILTER (WHERE status = 'failed'), '{}') AS errors
    FROM (SELECT status, error_code, count(*) AS n FROM image_items WHERE batch_id = %(batch)s GROUP BY 1, 2) AS groups
) AS counted
WHERE id = %(batch)s
"""


@dataclass
class Outcomes:
    """What became of a batch's items; each is said once."""

    succeeded: dict[int, Mapping[str, Any] | None] = field(default_factory=dict)
    failed: dict[int, FanfareError] = field(default_factory=dict)

    def succeed(self, row: FileRow, **result: Any) -> None:
        """`result` is what the item's row says was made."""
        self.succeeded[row.position] = result or None

    def fail(self, row: FileRow, error: FanfareError) -> None:
        self.failed[row.position] = error


def read_items(connection: Connection, lease: Lease, *, to_remove: bool = False) -> list[FileRow]:
    """The batch's pending items in their order, their images locked until the transaction ends."""
    strength = "UPDATE" if to_remove else "NO KEY UPDATE"
    connection.execute(_LOCK_IMAGES.format(strength=strength), (lease.batch_id,))
    return peek_items(connection, lease)


def peek_items(connection: Connection, lease: Lease) -> list[FileRow]:
    """The same, without locks."""
    with connection.cursor(row_factory=class_row(FileRow)) as cursor:
        return cursor.execute(_READ, (lease.batch_id,)).fetchall()


def record_outcomes(connection: Connection, lease: Lease, outcomes: Outcomes) -> None:
    """Writes them, and counts the batch's. The batch's row must be locked under the lease."""
    succeeded, failed = outcomes.succeeded, outcomes.failed
    connection.execute(
        _RECORD,
        {
            "job": lease.job_id,
            "batch": lease.batch_id,
            "succeeded": ItemOutcome.SUCCEEDED.value,
            "failed": ItemOutcome.FAILED.value,
            "positions": [*succeeded, *failed],
            "errors": _json({str(position): (error.code, error.detail) for position, error in failed.items()}),
            "results": _json({str(position): result for position, result in succeeded.items() if result}),
        },
    )
    connection.execute(_COUNT, {"batch": lease.batch_id})
    lease.writes += 1


def count_outcomes(claim: Claim, outcomes: Outcomes) -> None:
    """In the metrics, once they are committed."""
    metrics.images.labels(claim.lane.value, ItemOutcome.SUCCEEDED.value).inc(len(outcomes.succeeded))
    metrics.images.labels(claim.lane.value, ItemOutcome.FAILED.value).inc(len(outcomes.failed))


def _json(said: Mapping[str, Any]) -> str:
    return orjson.dumps(said).decode()

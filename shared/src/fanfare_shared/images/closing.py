"""Closing a batch of images: its counts go to its job's, in one transaction."""

from typing import Any

from psycopg.rows import dict_row

from fanfare_shared.bulk.closing import fold
from fanfare_shared.bulk.lease import Lease
from fanfare_shared.db.connection import Connection
from fanfare_shared.errors import BatchUnaccountedError, LeaseLostError
from fanfare_shared.images.kind import IMAGE_JOBS

_COLUMNS = f"id, job_id, size, {', '.join(IMAGE_JOBS.counts)}"
_HELD = "id = %s AND epoch = %s AND writes = %s AND status IN ('leased', 'published')"
_LOCK = f"SELECT {_COLUMNS} FROM image_batches WHERE {_HELD} FOR UPDATE"
_CLOSE = f"""
UPDATE image_batches SET status = 'closed', running = NULL, due_at = NULL, closed_at = now()
WHERE {_HELD} RETURNING {_COLUMNS}
"""


def close(connection: Connection, lease: Lease) -> None:
    """Closes the batch, of which no item is pending. Call inside a transaction.

    Raises LeaseLostError, BatchUnaccountedError.
    """
    batch = _held(connection, _CLOSE, lease)
    settled = sum(batch[name] for name in IMAGE_JOBS.counts)
    if settled != batch["size"]:
        raise BatchUnaccountedError(f"batch {lease.batch_id} of {batch['size']} closes with {settled} settled")
    fold(connection, IMAGE_JOBS, batch, settled)


def lock(connection: Connection, lease: Lease) -> None:
    """Locks the batch's row, for a transaction that is to close it. Raises LeaseLostError."""
    _held(connection, _LOCK, lease)


def _held(connection: Connection, statement: str, lease: Lease) -> dict[str, Any]:
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(statement, (lease.batch_id, lease.epoch, lease.writes)).fetchone()
    if row is None:
        raise LeaseLostError(f"Batch {lease.batch_id} is no longer at epoch {lease.epoch}")
    return row

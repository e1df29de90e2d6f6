"""Closing a batch of images: its counts go to its job's, in one transaction."""

from typing import Any

from psycopg.rows import dict_row

from fanfare_shared.bulk.closing import fold
from fanfare_shared.bulk.lease import Lease
from fanfare_shared.db.connection import Connection
from fanfare_shared.errors import BatchUnaccountedError, LeaseLostError
from fanfare_shared.images.kind import IMAGE_JOBS

_LOCK = f"""
SELECT id, job_id, size, {", ".join(IMAGE_JOBS.counts)}
FROM image_batches
WHERE id = %s AND epoch = %s AND writes = %s AND status IN ('leased', 'published')
FOR UPDATE
"""
_CLOSE = "UPDATE image_batches SET status = 'closed', running = NULL, due_at = NULL, closed_at = now() WHERE id = %s"


def close(connection: Connection, lease: Lease) -> None:
    """Closes the batch, of which no item is pending. Call inside a transaction.

    Raises LeaseLostError, BatchUnaccountedError.
    """
    batch = lock(connection, lease)
    settled = sum(batch[name] for name in IMAGE_JOBS.counts)
    if settled != batch["size"]:
        raise BatchUnaccountedError(f"batch {lease.batch_id} of {batch['size']} closes with {settled} settled")
    connection.execute(_CLOSE, (lease.batch_id,))
    fold(connection, IMAGE_JOBS, batch, settled)


def lock(connection: Connection, lease: Lease) -> dict[str, Any]:
    """The batch's row with its size and counts, locked. Raises LeaseLostError."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_LOCK, (lease.batch_id, lease.epoch, lease.writes)).fetchone()
    if row is None:
        raise LeaseLostError(f"Batch {lease.batch_id} is no longer at epoch {lease.epoch}")
    return row

"""Giving a batch back where it stands, and adding a closing one's counts to its job's."""

from typing import Any

from fanfare_shared.bulk.kind import Kind
from fanfare_shared.bulk.lease import Lease
from fanfare_shared.db.connection import Connection
from fanfare_shared.errors import LeaseLostError

_GIVE_BACK = """
UPDATE {batches}
SET status = 'ready', due_at = now() + %s * interval '1 second', worker = NULL, hints = 0
WHERE id = %s AND epoch = %s AND writes = %s AND status IN ('leased', 'published')
"""

_FOLD = """
UPDATE {jobs}
SET {additions}, settled = settled + %(settled)s, updated_at = now(),
    errors = CASE WHEN b.errors = '{{}}'::jsonb THEN {jobs}.errors ELSE add_counts({jobs}.errors, b.errors) END
FROM (SELECT errors FROM {batches} WHERE id = %(id)s) AS b
WHERE {jobs}.id = %(job_id)s
"""


def give_back(connection: Connection, kind: Kind, lease: Lease, delay_seconds: float = 0) -> None:
    """The batch is ready again where it stands, due after `delay_seconds`. Nothing of it may be under way.

    Raises LeaseLostError.
    """
    changed = connection.execute(
        kind.sql(_GIVE_BACK), (delay_seconds, lease.batch_id, lease.epoch, lease.writes)
    ).rowcount
    if not changed:
        raise LeaseLostError(f"Batch {lease.batch_id} is no longer at epoch {lease.epoch}")


def fold(connection: Connection, kind: Kind, batch: dict[str, Any], settled: int) -> None:
    """Adds a closing batch's counts to its job's. `batch` has its `id`, its `kind.key` and the counts; `settled` is how many
    of its recipients or images are not handed on to another batch.
    """
    additions = ", ".join(f"{name} = {kind.jobs}.{name} + %({name})s" for name in kind.counts)
    connection.execute(
        _FOLD.format(jobs=kind.jobs, batches=kind.batches, additions=additions),
        {name: batch[name] for name in (*kind.counts, "id")} | {"settled": settled, "job_id": batch[kind.key]},
    )

"""`clean_image_jobs`: jobs past the retention go, with their items, their batches and their archives."""

from typing import Any

from fanfare_orchestrator.schedule.context import RunContext
from fanfare_orchestrator.schedule.runs import RunResult
from fanfare_shared.db.connection import the_row
from fanfare_shared.images.doomed import doom, remove_doomed

_CHUNK_JOBS = 200
_CHUNK_ITEMS = 5_000

# One that another goes on from stays as long as that is open.
_IS_PAST = """
j.status IN ('completed', 'cancelled', 'failed')
AND coalesce(j.completed_at, j.updated_at) < now() - make_interval(days => %(days)s)
AND NOT EXISTS (SELECT FROM image_jobs c WHERE c.parent_id = j.id
                AND c.status IN ('scheduled', 'processing', 'paused', 'cancelling'))
"""
_COUNT = f"SELECT count(*) FROM image_jobs j WHERE {_IS_PAST}"
_FIND = f"SELECT j.id FROM image_jobs j WHERE {_IS_PAST} ORDER BY j.id LIMIT %(jobs)s"
_DELETE_ITEMS = """
DELETE FROM image_items
WHERE ctid = ANY(ARRAY(SELECT ctid FROM image_items WHERE job_id = ANY(%(ids)s) LIMIT %(items)s))
"""
_DELETE = f"DELETE FROM image_jobs j WHERE j.id = ANY(%(ids)s) AND {_IS_PAST} RETURNING j.result -> 'archives'"


def clean_image_jobs(context: RunContext) -> RunResult:
    """`{"jobs": n, "archives": n}`; in a dry run the jobs alone."""
    values = {"days": context.settings.retention_days, "jobs": _CHUNK_JOBS, "items": _CHUNK_ITEMS}
    if context.dry_run:
        with context.ledger.statement() as connection:
            return RunResult({"jobs": the_row(connection.execute(_COUNT, values))[0]})
    jobs, archives = 0, 0
    while True:
        with context.ledger.statement() as connection:
            ids = [row[0] for row in connection.execute(_FIND, values)]
        keys = _delete(context, values | {"ids": ids})
        jobs, archives = jobs + len(ids), archives + len(keys)
        if len(ids) < _CHUNK_JOBS:
            return RunResult({"jobs": jobs, "archives": archives})


def _delete(context: RunContext, values: dict[str, Any]) -> list[str]:
    """The keys of the archives, which are gone from storage with their jobs."""
    while True:
        with context.ledger.statement() as connection:
            if connection.execute(_DELETE_ITEMS, values).rowcount < _CHUNK_ITEMS:
                break
    with context.ledger.transaction() as connection:
        rows = connection.execute(_DELETE, values).fetchall()
        keys = [archive["key"] for (archives,) in rows for archive in archives or []]
        doom(connection, keys)
    if keys:
        remove_doomed(context.ledger, context.open_storage(), keys)
    return keys

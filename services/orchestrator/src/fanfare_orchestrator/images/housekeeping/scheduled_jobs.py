"""Image jobs that the daily schedule makes: done by the image-workers, with an account like anybody's."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from fanfare_shared.contracts.words import Lane, Operation
from fanfare_shared.db.connection import Connection
from fanfare_shared.ids import uuid7

CREATED_BY = "schedule"

_IS_OPEN = """
SELECT EXISTS (SELECT FROM image_jobs WHERE created_by = %s AND operation = %s
               AND status IN ('scheduled', 'processing', 'paused', 'cancelling'))
"""
# Due at once: the sweep takes it from there.
_INSERT = """
INSERT INTO image_jobs (id, operation, target, lane, status, created_by, started_at, due_at)
VALUES (%s, %s, %s, %s, 'processing', %s, now(), now())
"""


def make_job(connection: Connection, operation: Operation, target: dict[str, Any]) -> UUID | None:
    """The new job's id; None while yesterday's is not done. Call inside a transaction."""
    row = connection.execute(_IS_OPEN, (CREATED_BY, operation.value)).fetchone()
    if row is not None and row[0]:
        return None
    job_id = uuid7()
    connection.execute(_INSERT, (job_id, operation.value, Jsonb(target), Lane.FILES.value, CREATED_BY))
    return job_id

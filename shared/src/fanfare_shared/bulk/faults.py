"""A bulk job that stops by itself: paused with a reason, or failed with an error. Locks the job's row alone."""

from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from fanfare_shared.bulk.kind import Kind
from fanfare_shared.bulk.notifications import INSERT_NOTIFICATION, JobEvent, notifications_for
from fanfare_shared.bulk.transitions import Action, allowed_from
from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.db.connection import Connection

_PAUSE = """
UPDATE {jobs}
SET status = %(status)s, pause_reason = %(reason)s, error_message = nullif(%(message)s, ''), updated_at = now()
WHERE id = %(id)s AND status = ANY(%(from)s)
"""

_FAIL = """
UPDATE {jobs}
SET status = 'cancelling', final_status = 'failed', error_code = %(code)s, error_message = %(message)s,
    pause_reason = NULL, due_at = now(), updated_at = now()
WHERE id = %(id)s AND status = ANY(%(from)s)
"""

_JOB = "SELECT j.*, coalesce(p.total, 0) AS total FROM {jobs} j LEFT JOIN {plans} p ON p.{key} = j.id WHERE j.id = %s"


def pause_job(connection: Connection, kind: Kind, job_id: UUID, reason: str, message: str = "") -> bool:
    """Pauses the job with `reason` (a stable code) and tells its owner. False where it was not processing."""
    changed = connection.execute(
        kind.sql(_PAUSE),
        {
            "id": job_id,
            "status": JobStatus.PAUSED.value,
            "reason": reason,
            "message": message,
            "from": list(allowed_from(Action.PAUSE)),
        },
    ).rowcount
    if changed:
        notify(connection, kind, job_id, JobEvent.PAUSED)
    return bool(changed)


def fail_job(connection: Connection, kind: Kind, job_id: UUID, code: str, message: str) -> bool:
    """Sends the job through `cancelling` to `failed`, with the error. False where it is past that."""
    return bool(
        connection.execute(
            kind.sql(_FAIL),
            {"id": job_id, "code": code, "message": message, "from": list(allowed_from(Action.FAIL))},
        ).rowcount
    )


def notify(connection: Connection, kind: Kind, job_id: UUID, event: JobEvent) -> None:
    """Writes the notifications of `event`, in the transaction that caused it."""
    with connection.cursor(row_factory=dict_row) as cursor:
        job = cursor.execute(kind.sql(_JOB), (job_id,)).fetchone()
    if job is None:
        return
    for row in notifications_for(kind, job, event):
        connection.execute(INSERT_NOTIFICATION, row | {"payload": Jsonb(row["payload"])})

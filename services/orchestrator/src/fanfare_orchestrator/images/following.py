"""What follows an image job: `then` over what succeeded, `on_failure` over what failed, made by the transaction that ends it."""

from typing import Any

from psycopg.types.json import Jsonb

from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.db.connection import Connection
from fanfare_shared.ids import uuid7

# A follower is kept as the columns of its row. It is due at once, or at its own moment: the sweep takes it from there.
_INSERT = """
INSERT INTO image_jobs (id, parent_id, operation, parameters, target, lane, rate, seconds_per_item, then_job, on_failure_job,
                        webhook_url, webhook_secret_encrypted, notify_email, scheduled_at, expires_at, created_by, request_id,
                        status, started_at, due_at)
SELECT %(id)s, %(parent)s, f.operation, f.parameters, %(target)s, f.lane, f.rate, f.seconds_per_item, f.then_job,
       f.on_failure_job, f.webhook_url, coalesce(f.webhook_secret_encrypted, %(secret)s), f.notify_email, f.scheduled_at,
       f.expires_at, %(created_by)s, %(request_id)s,
       CASE WHEN f.scheduled_at > now() THEN 'scheduled' ELSE 'processing' END,
       CASE WHEN f.scheduled_at > now() THEN NULL ELSE now() END, greatest(f.scheduled_at, now())
FROM jsonb_to_record(%(follower)s) AS f (
    operation text, parameters jsonb, lane text, rate text, seconds_per_item double precision, then_job jsonb,
    on_failure_job jsonb, webhook_url text, webhook_secret_encrypted text, notify_email text, scheduled_at timestamptz,
    expires_at timestamptz)
"""


def follow(connection: Connection, job: dict[str, Any], ending: JobStatus) -> None:
    """Inserts the jobs that follow this one. Nothing follows one that was cancelled, and only `on_failure` one that failed."""
    if ending is JobStatus.COMPLETED and job["succeeded"]:
        _insert(connection, job, job["then_job"], "succeeded_of")
    if ending is not JobStatus.CANCELLED and job["failed"]:
        _insert(connection, job, job["on_failure_job"], "failed_of")


def _insert(connection: Connection, job: dict[str, Any], follower: dict[str, Any] | None, target: str) -> None:
    if follower is None:
        return
    values = {
        "id": uuid7(),
        "parent": job["id"],
        "target": Jsonb({target: str(job["id"])}),
        "follower": Jsonb(follower),
        "secret": job["webhook_secret_encrypted"],
        "created_by": job["created_by"],
        "request_id": job["request_id"],
    }
    connection.execute(_INSERT, values)

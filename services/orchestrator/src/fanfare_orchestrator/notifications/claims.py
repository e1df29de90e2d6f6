"""A notification's row: claimed before the work, with a lease and the attempt counted, and what became of it after."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from fanfare_shared.db.connection import Connection
from fanfare_shared.ids import uuid7

# Longer than the task's hard time limit: when the lease ends, whoever had it is dead.
LEASE_SECONDS = 70
KEEP_TRYING = timedelta(days=1)
_FIRST_BACKOFF_SECONDS = 10
_LONGEST_BACKOFF_SECONDS = 3600
_LONGEST_ERROR = 300


@dataclass(frozen=True, slots=True)
class ClaimedNotification:
    """`attempts` counts this attempt, and is the fence: what a predecessor writes too late carries another number.

    The webhook's secret is the campaign's app's, or the image job's own; an e-mail may have none.
    """

    id: UUID
    kind: str
    event: str
    target: str
    payload: dict[str, Any]
    attempts: int
    created_at: datetime
    webhook_secret_encrypted: str | None


def claim(connection: Connection, notification_id: UUID) -> ClaimedNotification | None:
    """The notification, leased; None where it is done or another worker has it. Commits the attempt before it is made."""
    with connection.cursor(row_factory=class_row(ClaimedNotification)) as cursor:
        return cursor.execute(
            """
            UPDATE notifications n
            SET status = 'STARTED', attempts = n.attempts + 1, due_at = now() + %s * interval '1 second'
            WHERE n.id = %s AND n.due_at IS NOT NULL AND (n.status IN ('PENDING', 'RETRY') OR n.due_at <= now())
            RETURNING n.id, n.kind, n.event, n.target, n.payload, n.attempts, n.created_at,
                      coalesce((SELECT webhook_secret_encrypted FROM apps WHERE id = n.app_id),
                               (SELECT webhook_secret_encrypted FROM image_jobs WHERE id = n.job_id))
                          AS webhook_secret_encrypted
            """,
            (LEASE_SECONDS, notification_id),
        ).fetchone()


def record_delivered(connection: Connection, notification: ClaimedNotification) -> None:
    connection.execute(
        """
        UPDATE notifications SET status = 'SUCCESS', delivered_at = now(), due_at = NULL, last_error = NULL
        WHERE id = %s AND attempts = %s
        """,
        (notification.id, notification.attempts),
    )


def record_failed(connection: Connection, notification: ClaimedNotification, error: str, *, retryable: bool) -> bool:
    """Plans the next attempt, or gives up where the day is over; True if given up. Call inside a transaction."""
    error = _storable(error)
    delay = backoff_seconds(notification.attempts) if retryable else 0
    given_up = connection.execute(
        """
        UPDATE notifications
        SET last_error = %(error)s,
            status = CASE WHEN %(retryable)s AND created_at + %(keep)s > now() + %(delay)s THEN 'RETRY' ELSE 'FAILURE' END,
            due_at = CASE WHEN %(retryable)s AND created_at + %(keep)s > now() + %(delay)s THEN now() + %(delay)s END
        WHERE id = %(id)s AND attempts = %(attempts)s
        RETURNING status = 'FAILURE'
        """,
        {
            "id": notification.id,
            "attempts": notification.attempts,
            "error": error,
            "retryable": retryable,
            "keep": KEEP_TRYING,
            "delay": timedelta(seconds=delay),
        },
    ).fetchone()
    if given_up != (True,):
        return False
    connection.execute(
        "INSERT INTO dead_letters (id, source, source_id, task, reason) VALUES (%s, 'notification', %s, %s, %s)",
        (uuid7(), str(notification.id), f"{notification.kind} {notification.event}", error),
    )
    return True


def backoff_seconds(attempts: int) -> float:
    """Exponential, with jitter, so that receivers that failed together are not all called together."""
    return min(_FIRST_BACKOFF_SECONDS * 2.0 ** min(attempts - 1, 20), _LONGEST_BACKOFF_SECONDS) * random.uniform(
        0.75, 1.25
    )


def _storable(error: str) -> str:
    """PostgreSQL's text has no NUL; what a server answered may be anything and any length."""
    return error.replace("\x00", "").strip()[:_LONGEST_ERROR]

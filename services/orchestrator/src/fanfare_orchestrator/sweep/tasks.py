"""Probes and notifications that are due: their hints, repeated until somebody claims them."""

from psycopg import sql

from fanfare_orchestrator.context import Context
from fanfare_shared.contracts.messages import RunProbe, SendNotification

_LIMIT = 200

# A lease that ended is RETRY again, which may be claimed at any time; `due_at` is then when the hint is repeated.
_REPEAT = sql.SQL(
    """
UPDATE {table}
SET due_at = now() + interval '30 seconds', status = CASE status WHEN 'STARTED' THEN 'RETRY' ELSE status END
WHERE id IN (SELECT id FROM {table} WHERE due_at <= now() ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING id
"""
)
_PROBES = _REPEAT.format(table=sql.Identifier("probes"))
_NOTIFICATIONS = _REPEAT.format(table=sql.Identifier("notifications"))


def sweep_due_probes(context: Context) -> bool:
    with context.ledger.statement() as connection:
        due = connection.execute(_PROBES, (_LIMIT,)).fetchall()
    context.publisher.hint(RunProbe(probe_id=probe_id) for (probe_id,) in due)
    return len(due) == _LIMIT


def sweep_due_notifications(context: Context) -> bool:
    with context.ledger.statement() as connection:
        due = connection.execute(_NOTIFICATIONS, (_LIMIT,)).fetchall()
    context.publisher.hint(SendNotification(notification_id=notification_id) for (notification_id,) in due)
    return len(due) == _LIMIT

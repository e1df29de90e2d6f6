"""Publishing an app's ready batches, up to its cap, its campaigns in turn."""

from typing import Any
from uuid import UUID

from fanfare_orchestrator.bulk.publishing import NEXT_HINT_AT, Published, publish
from fanfare_orchestrator.campaigns.planning.sizes import TURN_SECONDS
from fanfare_orchestrator.context import Context
from fanfare_shared.bulk.kind import MAY_WORK
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.contracts.words import Priority
from fanfare_shared.db.connection import Connection

MIN_BATCHES = 2
MAX_BATCHES = 256

# One dispatcher an app: the next one waits, and then counts what this one published.
_LOCK_APP = """
SELECT quota_per_minute FROM apps
WHERE id = %s AND (paused_until IS NULL OR paused_until <= now())
FOR NO KEY UPDATE
"""

# In turn: the campaign with the fewest batches in flight comes first, a lot decides between equals. A campaign with a
# rate of its own also keeps within five seconds of that, lest its batches wait in the workers' hands.
_PUBLISH = f"""
WITH in_flight AS (
    SELECT b.campaign_id, count(*) AS batches, sum(b.size) AS messages
    FROM batches b JOIN campaigns j ON j.id = b.campaign_id
    WHERE b.app_id = %(app)s AND b.status IN ('published', 'leased')
      AND (b.status = 'leased' OR j.status = 'processing')
    GROUP BY b.campaign_id
),
total AS (SELECT coalesce(sum(batches), 0) AS batches, coalesce(sum(messages), 0) AS messages FROM in_flight),
sendable AS (
    SELECT j.id, array_position(%(ranks)s, j.priority) AS rank, j.rate_per_second AS rate, random() AS lot,
           coalesce(f.batches, 0) AS batches, coalesce(f.messages, 0) AS messages
    FROM campaigns j LEFT JOIN in_flight f ON f.campaign_id = j.id
    WHERE j.app_id = %(app)s AND {MAY_WORK}
),
candidates AS (
    SELECT r.id, r.size, s.rank, s.lot, s.batches + r.place AS turn
    FROM sendable s CROSS JOIN LATERAL (
        SELECT id, size, row_number() OVER w AS place, sum(size) OVER w AS messages
        FROM (SELECT id, size, due_at FROM batches
              WHERE campaign_id = s.id AND status = 'ready' AND due_at <= now()
              ORDER BY due_at, id
              LIMIT (SELECT greatest(%(least)s, %(most)s - total.batches) FROM total)) AS ready
        WINDOW w AS (ORDER BY due_at, id)
    ) AS r
    WHERE s.rate IS NULL OR s.batches + r.place <= %(least)s OR s.messages + r.messages <= s.rate * %(seconds)s
),
in_turn AS (
    SELECT id, row_number() OVER w AS place, sum(size) OVER w AS messages
    FROM candidates WINDOW w AS (ORDER BY rank, turn, lot, id)
),
chosen AS (
    SELECT in_turn.id, in_turn.place FROM in_turn, total
    WHERE in_turn.place + total.batches <= %(least)s
       OR (in_turn.place + total.batches <= %(most)s AND in_turn.messages + total.messages <= %(cap)s)
)
UPDATE batches SET status = 'published', hints = hints + 1, due_at = {NEXT_HINT_AT}
FROM chosen WHERE batches.id = chosen.id AND status = 'ready'
RETURNING place, batches.id, campaign_id, priority
"""


_APPS_WITH_READY = f"""
SELECT DISTINCT j.app_id FROM campaigns j JOIN apps a ON a.id = j.app_id
WHERE {MAY_WORK} AND (a.paused_until IS NULL OR a.paused_until <= now())
  AND EXISTS (SELECT FROM batches b WHERE b.campaign_id = j.id AND b.status = 'ready' AND b.due_at <= now())
"""


def dispatch(context: Context, app_id: UUID) -> int:
    """Publishes what of the app's ready batches its cap has room for; how many batches.

    At most five seconds of its quota are published and unfinished, at least 2 batches, at most 256. Nothing while its
    breaker is open.
    """
    with context.ledger.transaction() as connection:
        published = _mark_published(connection, app_id)
    return publish(context, CAMPAIGNS, published)


def dispatch_campaign(context: Context, campaign_id: UUID) -> int:
    """`dispatch` of the campaign's app; 0 where the campaign is gone."""
    with context.ledger.statement() as connection:
        row = connection.execute("SELECT app_id FROM campaigns WHERE id = %s", (campaign_id,)).fetchone()
    return 0 if row is None else dispatch(context, row[0])


def dispatch_ready(context: Context) -> None:
    """`dispatch` of every app that has a batch ready and due."""
    with context.ledger.statement() as connection:
        apps = connection.execute(_APPS_WITH_READY).fetchall()
    for (app_id,) in apps:
        dispatch(context, app_id)


def _mark_published(connection: Connection, app_id: UUID) -> list[Published]:
    row = connection.execute(_LOCK_APP, (app_id,)).fetchone()
    if row is None:
        return []
    parameters: dict[str, Any] = {
        "app": app_id,
        "ranks": [priority.value for priority in Priority],
        "least": MIN_BATCHES,
        "most": MAX_BATCHES,
        "seconds": TURN_SECONDS,
        "cap": row[0] * TURN_SECONDS / 60,
    }
    return [Published(*batch) for _, *batch in sorted(connection.execute(_PUBLISH, parameters).fetchall())]

"""Publishing the lanes' ready batches, each lane up to its cap, its jobs in turn, a job with a rate when it may."""

from collections.abc import Collection
from uuid import UUID

from fanfare_orchestrator.bulk.publishing import NEXT_HINT_AT, Published, publish
from fanfare_orchestrator.context import Context
from fanfare_shared.bulk.kind import MAY_WORK
from fanfare_shared.contracts.words import Lane, Operation
from fanfare_shared.db.connection import Connection
from fanfare_shared.images.kind import IMAGE_JOBS

INTERACTIVE_BATCHES = 1_000
"""The interactive lane's cap. Its batches have one image each, and the api publishes most of them itself."""

# One dispatcher at a time: the next one waits, and then counts what this one published. The number is ours.
_LOCK = "SELECT pg_advisory_xact_lock(7461746)"

_RATE_ALLOWS = "(j.seconds_per_item IS NULL OR j.next_batch_at IS NULL OR j.next_batch_at <= now())"

# Asked without the lock: most hints find nothing to publish.
_LANES_WITH_READY = f"""
SELECT asked.lane FROM unnest(%s::text[]) AS asked (lane)
WHERE EXISTS (
    SELECT FROM image_jobs j JOIN image_batches b ON b.job_id = j.id
    WHERE {MAY_WORK} AND {_RATE_ALLOWS} AND b.lane = asked.lane AND b.status = 'ready' AND b.due_at <= now())
"""

# In turn: the job with the fewest batches in flight on the lane comes first, a lot decides between equals. A job with a
# rate has one batch at a time.
_PUBLISH = f"""
WITH in_flight AS (
    SELECT b.job_id, count(*) AS batches
    FROM image_batches b JOIN image_jobs j ON j.id = b.job_id
    WHERE b.lane = %(lane)s AND b.status IN ('published', 'leased')
      AND (b.status = 'leased' OR j.status = 'processing')
    GROUP BY b.job_id
),
room AS (SELECT greatest(0, %(most)s - coalesce(sum(batches), 0)) AS batches FROM in_flight),
workable AS (
    SELECT j.id, j.seconds_per_item, random() AS lot, coalesce(f.batches, 0) AS batches
    FROM image_jobs j LEFT JOIN in_flight f ON f.job_id = j.id
    WHERE {MAY_WORK} AND {_RATE_ALLOWS}
),
candidates AS (
    SELECT r.id, w.lot, w.batches + r.place AS turn
    FROM workable w CROSS JOIN LATERAL (
        SELECT id, row_number() OVER (ORDER BY due_at, id) AS place
        FROM (SELECT id, due_at FROM image_batches
              WHERE job_id = w.id AND lane = %(lane)s AND status = 'ready' AND due_at <= now()
              ORDER BY due_at, id
              LIMIT (SELECT CASE WHEN w.seconds_per_item IS NULL THEN room.batches ELSE least(1, room.batches) END
                     FROM room)) AS ready
    ) AS r
),
chosen AS (
    SELECT id, row_number() OVER (ORDER BY turn, lot, id) AS place FROM candidates
    ORDER BY place LIMIT (SELECT batches FROM room)
)
UPDATE image_batches SET status = 'published', hints = hints + 1, due_at = {NEXT_HINT_AT}
FROM chosen WHERE image_batches.id = chosen.id AND status = 'ready'
RETURNING place, image_batches.id, job_id, lane, size
"""

# From the moment it was due, where the sweep came no later than it does: so the rate is kept on average, too.
_PAY = """
UPDATE image_jobs
SET next_batch_at = CASE WHEN next_batch_at > now() - interval '2 seconds' THEN next_batch_at ELSE now() END
                    + %(size)s * seconds_per_item * interval '1 second'
WHERE id = %(job)s AND seconds_per_item IS NOT NULL
"""


def dispatch_job(context: Context, job_id: UUID) -> int:
    """Publishes what there is room for on the lanes of this job, whosever it is; how many batches."""
    with context.ledger.statement() as connection:
        row = connection.execute("SELECT lane, operation FROM image_jobs WHERE id = %s", (job_id,)).fetchone()
    if row is None:
        return 0
    lane, operation = Lane(row[0]), Operation(row[1])
    return dispatch(context, {lane, Lane.HEAVY} if operation.makes_variants else {lane})


def dispatch_ready(context: Context) -> int:
    """The same for every lane."""
    return dispatch(context, list(Lane))


def dispatch(context: Context, lanes: Collection[Lane]) -> int:
    """Publishes the lanes' batches that are ready, due and of jobs that may be worked on, as far as each lane's cap goes."""
    with context.ledger.statement() as connection:
        waiting = {
            row[0] for row in connection.execute(_LANES_WITH_READY, ([lane.value for lane in lanes],)).fetchall()
        }
    if not waiting:
        return 0
    published: list[Published] = []
    with context.ledger.transaction() as connection:
        connection.execute(_LOCK)
        for lane in Lane:
            if lane.value in waiting:
                published += _mark_published(connection, lane, _cap(context, lane))
    return publish(context, IMAGE_JOBS, published)


def _cap(context: Context, lane: Lane) -> int:
    return INTERACTIVE_BATCHES if lane is Lane.INTERACTIVE else context.settings.image_lane_batches


def _mark_published(connection: Connection, lane: Lane, most: int) -> list[Published]:
    batches = sorted(connection.execute(_PUBLISH, {"lane": lane.value, "most": most}).fetchall())
    for _, _, job_id, _, size in batches:
        connection.execute(_PAY, {"job": job_id, "size": size})
    return [Published(batch_id, job_id, route) for _, batch_id, job_id, route, _ in batches]

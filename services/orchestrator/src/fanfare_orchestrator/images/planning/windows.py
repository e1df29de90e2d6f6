"""One window: the next images of the target, numbered on and cut into batches, in one statement."""

from fanfare_orchestrator.bulk.steps import Planned
from fanfare_orchestrator.images.planning.plans import Plan
from fanfare_orchestrator.images.planning.sizes import ARCHIVE_BYTES, batch_size, window_size
from fanfare_orchestrator.images.planning.targets import source_of
from fanfare_orchestrator.images.settings import ImagePlanSettings
from fanfare_shared.contracts.words import Lane, Operation
from fanfare_shared.db.connection import Connection, the_row

# Heavy images are cut out: each is a batch of its own, on its lane. A first position belongs to one batch alone, which is
# how items find theirs.
_INSERT = """
WITH found AS MATERIALIZED ({source} ORDER BY rank LIMIT %(window)s),
numbered AS (
    SELECT id, name, size, coalesce(price > %(heavy)s, false) AS is_heavy, row_number() OVER (ORDER BY rank) - 1 AS number
    FROM found
),
placed AS (
    SELECT id, name, is_heavy, (%(total)s + number)::integer AS position, {part} AS part FROM numbered
),
cut AS (
    SELECT is_heavy, part, min(position) AS first, max(position) AS last, count(*) AS size FROM placed GROUP BY 1, 2
),
batches AS (
    INSERT INTO image_batches (job_id, lane, first_position, last_position, size, due_at)
    SELECT %(job)s, CASE WHEN is_heavy THEN %(heavy_lane)s ELSE %(lane)s END, first, last, size, now()
    FROM cut ORDER BY first
    RETURNING id, first_position
),
items AS (
    INSERT INTO image_items (job_id, position, batch_id, image_id, name)
    SELECT %(job)s, placed.position, batches.id, placed.id, placed.name
    FROM placed JOIN cut USING (is_heavy, part) JOIN batches ON batches.first_position = cut.first
),
planned AS (
    SELECT (SELECT count(*) FROM cut) AS batches, count(*) AS items, (array_agg(id ORDER BY position DESC))[1] AS last
    FROM placed
)
UPDATE image_job_plans
SET batches = image_job_plans.batches + planned.batches,
    total = total + planned.items,
    cursor = coalesce(planned.last, cursor),
    planned_at = CASE WHEN planned.items < %(window)s THEN now() END
FROM planned
WHERE job_id = %(job)s
RETURNING planned.batches, planned.items, planned_at IS NOT NULL
"""

_BY_NUMBER = """
CASE WHEN is_heavy THEN number
     ELSE (row_number() OVER (PARTITION BY is_heavy ORDER BY number) - 1) / %(size)s END
"""
# A part holds that many images and, but for its last image, that many bytes.
_BY_BYTES = """
number / %(size)s * 1000000 + div(sum(size) OVER (ORDER BY number) - size, %(bytes)s)
"""


def plan_window(connection: Connection, plan: Plan, settings: ImagePlanSettings) -> Planned:
    """Inserts the next window's batches and items, and advances the plan, which must be locked."""
    source, does = source_of(plan), plan.does
    size = batch_size(settings, does, plan.seconds_per_item)
    statement = _INSERT.format(source=source.sql, part=_BY_BYTES if does is Operation.ARCHIVE else _BY_NUMBER)
    values = {
        "job": plan.job_id,
        "cursor": plan.cursor,
        "ceiling": plan.ceiling,
        "total": plan.total,
        "lane": plan.lane,
        "heavy_lane": Lane.HEAVY.value,
        # No image of a file operation is heavy: its original is not decoded.
        "heavy": settings.image_heavy_bytes if does.makes_variants else None,
        "size": size,
        "bytes": ARCHIVE_BYTES,
        "window": window_size(size, first=plan.batches == 0),
    }
    return Planned(plan.job_id, *the_row(connection.execute(statement, values | source.values)))

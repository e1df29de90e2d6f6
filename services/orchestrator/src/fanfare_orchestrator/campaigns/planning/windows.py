"""One window: the next devices of the audience in the order of their ids, cut into batches, in one statement."""

from fanfare_orchestrator.bulk.steps import Planned
from fanfare_orchestrator.campaigns.planning.plans import Plan
from fanfare_orchestrator.campaigns.planning.sizes import batch_size, window_size
from fanfare_shared.db.connection import Connection, the_row

_EVERYBODY = """
SELECT id FROM devices
WHERE app_id = %(app)s AND is_active AND id > %(cursor)s AND id <= %(ceiling)s
ORDER BY id LIMIT %(window)s
"""

_USERS = """
SELECT d.id FROM (SELECT DISTINCT unnest(%(users)s::text[]) AS user_id) AS asked
JOIN devices d ON d.app_id = %(app)s AND d.user_id = asked.user_id
WHERE d.is_active AND d.id > %(cursor)s AND d.id <= %(ceiling)s
ORDER BY d.id LIMIT %(window)s
"""

# Slices of one array: cutting by row numbers instead would sort the window, four times the work.
_INSERT = """
WITH audience AS (SELECT array_agg(id ORDER BY id) AS ids FROM ({audience}) AS devices),
cut AS (
    SELECT ids[first:first + %(size)s - 1] AS device_ids, least(%(size)s, cardinality(ids) - first + 1) AS size
    FROM audience CROSS JOIN LATERAL generate_series(1, cardinality(ids), %(size)s) AS first
),
inserted AS (
    INSERT INTO batches (campaign_id, app_id, priority, device_ids, size, due_at)
    SELECT %(campaign)s, %(app)s, %(priority)s, device_ids, size, now() FROM cut
),
planned AS (
    SELECT count(*) AS batches, coalesce(sum(size), 0) AS devices, max(device_ids[size]) AS last FROM cut
)
UPDATE campaign_plans
SET batches = campaign_plans.batches + planned.batches,
    total = total + planned.devices,
    cursor = coalesce(planned.last, cursor),
    planned_at = CASE WHEN planned.devices < %(window)s THEN now() END
FROM planned
WHERE campaign_id = %(campaign)s
RETURNING planned.batches, planned.devices, planned_at IS NOT NULL
"""
_STATEMENTS = {False: _INSERT.format(audience=_EVERYBODY), True: _INSERT.format(audience=_USERS)}


def plan_window(connection: Connection, plan: Plan, most: int) -> Planned:
    """Inserts the next window's batches, of at most `most` devices, and advances the plan, which must be locked."""
    size = batch_size(most, plan.quota_per_minute, plan.rate_per_second)
    cursor = connection.execute(
        _STATEMENTS[plan.user_ids is not None],
        {
            "campaign": plan.campaign_id,
            "app": plan.app_id,
            "priority": plan.priority,
            "users": plan.user_ids,
            "cursor": plan.cursor,
            "ceiling": plan.ceiling,
            "size": size,
            "window": window_size(size, first=plan.batches == 0),
        },
    )
    return Planned(plan.campaign_id, *the_row(cursor))

"""A campaign's plan: made when planning begins, locked for each window, done when the audience is exhausted."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from fanfare_shared.db.connection import Connection
from fanfare_shared.db.partitions import Partition, ensure_partition

# The plan of this campaign, or of a higher priority that is not planned either: while there is one, every turn is its.
# Another planner's plan is left to it.
_TAKE = """
SELECT c.id AS campaign_id, c.app_id, c.priority, c.rate_per_second, c.target -> 'user_ids' AS user_ids,
       a.quota_per_minute, p.cursor, p.ceiling, p.batches
FROM campaign_plans p JOIN campaigns c ON c.id = p.campaign_id JOIN apps a ON a.id = c.app_id
WHERE p.planned_at IS NULL AND c.status = 'processing'
  AND (c.id = %(campaign)s
       OR array_position(%(ranks)s, c.priority)
          < (SELECT array_position(%(ranks)s, priority) FROM campaigns WHERE id = %(campaign)s))
ORDER BY array_position(%(ranks)s, c.priority), c.id <> %(campaign)s
LIMIT 1
FOR UPDATE OF p SKIP LOCKED
"""

_MAKE = """
INSERT INTO campaign_plans (campaign_id, ceiling, unmatched)
SELECT c.id, coalesce((SELECT max(id) FROM devices WHERE app_id = c.app_id AND is_active), 0),
       CASE WHEN c.target ? 'user_ids' THEN (
           SELECT jsonb_build_object('count', count(*),
                                     'first', coalesce(jsonb_agg(user_id) FILTER (WHERE place <= 100), '[]'))
           FROM (SELECT user_id, row_number() OVER (ORDER BY user_id) AS place
                 FROM (SELECT DISTINCT value AS user_id FROM jsonb_array_elements_text(c.target -> 'user_ids')) AS asked
                 WHERE NOT EXISTS (SELECT FROM devices d
                                   WHERE d.app_id = c.app_id AND d.user_id = asked.user_id AND d.is_active)) AS lacking
       ) END
FROM campaigns c WHERE c.id = %s AND c.status = 'processing'
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan as taken: the campaign's and its app's columns beside its own. `user_ids` null: every device of the app."""

    campaign_id: UUID
    app_id: UUID
    priority: str
    rate_per_second: int | None
    user_ids: list[str] | None
    quota_per_minute: int
    cursor: int
    ceiling: int
    batches: int


def make_plan(connection: Connection, campaign_id: UUID) -> None:
    """Makes the plan of a processing campaign unless it has one, and sees that its deliveries have a partition.

    Call inside the transaction that plans the window.
    """
    if connection.execute(_MAKE, (campaign_id,)).rowcount:
        ensure_partition(connection, Partition.of_campaign(campaign_id))


def take_plan(connection: Connection, campaign_id: UUID, ranks: list[str]) -> Plan | None:
    """Locks a plan that has its turn at this hint; None where there is nothing to plan, or another planner has it.

    `ranks` are the priorities, highest first. Call inside a transaction.
    """
    parameters: dict[str, Any] = {"campaign": campaign_id, "ranks": ranks}
    with connection.cursor(row_factory=class_row(Plan)) as cursor:
        return cursor.execute(_TAKE, parameters).fetchone()

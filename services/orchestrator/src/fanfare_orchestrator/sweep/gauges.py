"""The gauges counted from the ledger."""

from fanfare_orchestrator.context import Context
from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.db.connection import the_row
from fanfare_shared.metrics import campaign_oldest_pending, campaigns

_BY_STATUS = "SELECT status, count(*) FROM campaigns GROUP BY status"

_OLDEST = """
SELECT coalesce(max(extract(epoch FROM now() - greatest(b.created_at, c.started_at))), 0)
FROM campaigns c JOIN batches b ON b.campaign_id = c.id
WHERE c.status = 'processing' AND b.status IN ('ready', 'published', 'leased')
  AND NOT (b.status = 'ready' AND b.due_at > now())
"""


def measure_campaigns(context: Context) -> bool:
    with context.ledger.statement() as connection:
        by_status = dict(connection.execute(_BY_STATUS).fetchall())
        oldest = the_row(connection.execute(_OLDEST))[0]
    for status in JobStatus:
        campaigns.labels(status.value).set(by_status.get(status.value, 0))
    campaign_oldest_pending.set(float(oldest))
    return False

"""The gauges counted from the ledger."""

from fanfare_orchestrator.bulk.steps import Steps
from fanfare_orchestrator.context import Context
from fanfare_shared import metrics
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.db.connection import the_row
from fanfare_shared.images.kind import IMAGE_JOBS

_BY_STATUS = "SELECT status, count(*) FROM {jobs} GROUP BY status"

_OLDEST = """
SELECT coalesce(max(extract(epoch FROM now() - greatest(b.created_at, j.started_at))), 0)
FROM {jobs} j JOIN {batches} b ON b.{key} = j.id
WHERE j.status = 'processing' AND b.status IN ('ready', 'published', 'leased')
  AND NOT (b.status = 'ready' AND b.due_at > now())
"""

_GAUGES = {
    CAMPAIGNS.name: (metrics.campaigns, metrics.campaign_oldest_pending),
    IMAGE_JOBS.name: (metrics.image_jobs, metrics.image_job_oldest_pending),
}


def measure(context: Context, steps: Steps) -> bool:
    with context.ledger.statement() as connection:
        by_status = dict(connection.execute(steps.kind.sql(_BY_STATUS)).fetchall())
        oldest = the_row(connection.execute(steps.kind.sql(_OLDEST)))[0]
    jobs, oldest_pending = _GAUGES[steps.kind.name]
    for status in JobStatus:
        jobs.labels(status.value).set(by_status.get(status.value, 0))
    oldest_pending.set(float(oldest))
    return False

"""The gauges counted from the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass

from fanfare_orchestrator.bulk.steps import Steps
from fanfare_orchestrator.context import Context
from fanfare_shared import metrics
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.contracts.words import JobStatus, Priority
from fanfare_shared.db.connection import the_row
from fanfare_shared.images.kind import IMAGE_JOBS

from prometheus_client import Gauge  # isort: skip # after fanfare_shared.metrics

_BY_STATUS = "SELECT status, count(*) FROM {jobs} GROUP BY status"
_BY_REASON = "SELECT coalesce(pause_reason, 'requested'), count(*) FROM {jobs} WHERE status = 'paused' GROUP BY 1"
_APPS = """
SELECT id, coalesce(pause_reason, ''), quota_per_minute,
       coalesce(greatest(extract(epoch FROM paused_until - now()), 0), 0)
FROM apps
"""

_DUE = "b.status IN ('ready', 'published', 'leased') AND NOT (b.status = 'ready' AND b.due_at > now())"

_OLDEST = f"""
SELECT coalesce(max(extract(epoch FROM now() - greatest(b.created_at, j.started_at))), 0)
FROM {{jobs}} j JOIN {{batches}} b ON b.{{key}} = j.id
WHERE j.status = 'processing' AND {_DUE}
"""


def _longest_stall(progressed: str, waits: str) -> str:
    """Closing a batch updates its job's row. A batch is a few seconds' work by its quota and rate, so a job that goes on
    at all closes one every few seconds, however long it takes as a whole.
    """
    return f"""
SELECT greatest(coalesce(max(extract(epoch FROM now() - {progressed})), 0), 0)
FROM {{jobs}} j
WHERE {{may_work}} AND NOT {waits}
  AND EXISTS (SELECT FROM {{batches}} b WHERE b.{{key}} = j.id AND {_DUE} AND {{may_dispatch}})
"""


_RANK = f"array_position(ARRAY{[priority.value for priority in Priority]}, {{}}.priority)"
# A higher priority of the same app goes first for as long as it has something to send; if that stalls, it is counted.
_STANDS_BEHIND = f"""EXISTS (
    SELECT FROM campaigns o
    WHERE o.app_id = j.app_id AND o.status = 'processing' AND {_RANK.format("o")} < {_RANK.format("j")}
      AND EXISTS (SELECT FROM batches b WHERE b.campaign_id = o.id AND {_DUE}))"""


@dataclass(frozen=True)
class _Gauges:
    """Of one kind. `longest_stall_sql` still has the kind's names to fill in."""

    by_status: Gauge
    by_reason: Gauge
    oldest_pending: Gauge
    longest_stall: Gauge
    longest_stall_sql: str


_GAUGES = {
    CAMPAIGNS.name: _Gauges(
        metrics.campaigns,
        metrics.campaigns_paused,
        metrics.campaign_oldest_pending,
        metrics.campaign_longest_stall,
        _longest_stall("greatest(j.updated_at, j.started_at)", waits=_STANDS_BEHIND),
    ),
    IMAGE_JOBS.name: _Gauges(
        metrics.image_jobs,
        metrics.image_jobs_paused,
        metrics.image_job_oldest_pending,
        metrics.image_job_longest_stall,
        # One with a rate may go on from `next_batch_at` on.
        _longest_stall("greatest(j.updated_at, j.started_at, j.next_batch_at)", waits="false"),
    ),
}

# prometheus_client cannot take a label out of what several processes share, so one that is gone goes to 0.
_seen: dict[Gauge, set[tuple[str, ...]]] = {}


def measure(context: Context, steps: Steps) -> bool:
    gauges = _GAUGES[steps.kind.name]
    with context.ledger.statement() as connection:
        by_status = dict(connection.execute(steps.kind.sql(_BY_STATUS)).fetchall())
        by_reason = connection.execute(steps.kind.sql(_BY_REASON)).fetchall()
        oldest = the_row(connection.execute(steps.kind.sql(_OLDEST)))[0]
        longest_stall = the_row(connection.execute(steps.kind.sql(gauges.longest_stall_sql)))[0]
    for status in JobStatus:
        gauges.by_status.labels(status.value).set(by_status.get(status.value, 0))
    _set_all(gauges.by_reason, {(reason,): count for reason, count in by_reason})
    gauges.oldest_pending.set(float(oldest))
    gauges.longest_stall.set(float(longest_stall))
    return False


def measure_apps(context: Context) -> bool:
    with context.ledger.statement() as connection:
        rows = connection.execute(_APPS).fetchall()
    _set_all(metrics.app_quota, {(str(app_id),): quota for app_id, _, quota, _ in rows})
    _set_all(metrics.app_pause, {(str(app_id), reason): float(pause) for app_id, reason, _, pause in rows})
    return False


def _set_all(gauge: Gauge, values: Mapping[tuple[str, ...], float]) -> None:
    seen = _seen.setdefault(gauge, set())
    seen.update(values)
    for labels in seen:
        gauge.labels(*labels).set(values.get(labels, 0))

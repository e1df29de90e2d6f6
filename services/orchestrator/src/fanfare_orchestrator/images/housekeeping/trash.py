"""`empty_trash`: what has been in the trash long enough is purged."""

from fanfare_orchestrator.images.housekeeping.scheduled_jobs import make_job
from fanfare_orchestrator.schedule.context import RunContext
from fanfare_orchestrator.schedule.runs import RunResult
from fanfare_shared.contracts.words import Operation
from fanfare_shared.db.connection import the_row

_COUNT = """
WITH age AS (SELECT now() - make_interval(days => %s) AS before)
SELECT age.before, (SELECT count(*) FROM images WHERE trashed_at < age.before) FROM age
"""


def empty_trash(context: RunContext) -> RunResult:
    """`{"images": n, "job_id": id}`: the purge takes as long as it takes, and what is restored before its turn stays."""
    if not context.settings.trash_days:
        return RunResult({"off": "FANFARE_TRASH_DAYS is 0"})
    with context.ledger.transaction() as connection:
        before, images = the_row(connection.execute(_COUNT, (context.settings.trash_days,)))
        result = {"images": images, "trashed_before": before.isoformat()}
        if context.dry_run or not images:
            return RunResult(result)
        job_id = make_job(connection, Operation.PURGE, {"trashed_before": before.isoformat()})
    return RunResult(result | {"job_id": job_id and str(job_id)})

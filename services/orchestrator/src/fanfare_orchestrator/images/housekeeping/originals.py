"""`drop_originals`: stored originals go after so many days; the images and their variants stay."""

from fanfare_orchestrator.images.housekeeping.scheduled_jobs import make_job
from fanfare_orchestrator.images.planning.targets import OLD_ORIGINAL, ORIGINALS_BEFORE
from fanfare_orchestrator.schedule.context import RunContext
from fanfare_orchestrator.schedule.runs import RunResult
from fanfare_shared.contracts.words import Operation
from fanfare_shared.db.connection import the_row

_BEFORE = "SELECT now() - make_interval(days => %s)"
_COUNT = f"""
SELECT count(*), coalesce(sum(size), 0)
FROM originals o WHERE {OLD_ORIGINAL} AND EXISTS (SELECT FROM images i WHERE i.original_id = o.id)
"""


def drop_originals(context: RunContext) -> RunResult:
    """`{"originals": n, "bytes": n, "job_id": id}`. Kept are those of which an image is younger, in the trash or not ready."""
    if not context.settings.original_days:
        return RunResult({"off": "FANFARE_ORIGINAL_DAYS is 0"})
    with context.ledger.transaction() as connection:
        before = the_row(connection.execute(_BEFORE, (context.settings.original_days,)))[0]
        originals, size = the_row(connection.execute(_COUNT, {"before": before}))
        result = {"originals": originals, "bytes": int(size), "uploaded_before": before.isoformat()}
        if context.dry_run or not originals:
            return RunResult(result)
        job_id = make_job(connection, Operation.DROP_ORIGINAL, {ORIGINALS_BEFORE: before.isoformat()})
    return RunResult(result | {"job_id": job_id and str(job_id)})

"""`remove_doomed_objects`: what no row names any more, and whoever noted it did not get to removing."""

from fanfare_orchestrator.schedule.context import RunContext
from fanfare_orchestrator.schedule.runs import RunResult
from fanfare_shared.db.connection import the_row
from fanfare_shared.images.doomed import remove_doomed

_DUE = "SELECT count(*) FROM doomed_objects WHERE due_at <= now()"


def remove_doomed_objects(context: RunContext) -> RunResult:
    """`{"removed": n}`: of a dry run how many are due, of which some may be named again."""
    if context.dry_run:
        with context.ledger.statement() as connection:
            return RunResult({"removed": the_row(connection.execute(_DUE))[0]})
    return RunResult({"removed": remove_doomed(context.ledger, context.open_storage())})

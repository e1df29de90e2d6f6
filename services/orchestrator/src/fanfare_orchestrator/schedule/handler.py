"""The task of `RunScheduled`: claims the run, does the work, and records its result or its error."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import psycopg
from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded

from fanfare_orchestrator.schedule.context import RunContext
from fanfare_orchestrator.schedule.runs import RunResult, claim_run, finish_run
from fanfare_orchestrator.schedule.works import Work, works
from fanfare_shared.contracts.messages import RunScheduled
from fanfare_shared.errors import InvalidMessageError, StorageUnavailableError
from fanfare_shared.logs import get_logger
from fanfare_shared.worker.task import handles

log = get_logger(__name__)


def run_work(context: RunContext, name: str, due_at: datetime, work: Work) -> bool:
    """Does the run unless it is done or being done; True if this call did it. Any error of the work is in its row.

    Raises LedgerUnavailableError: then the row says STARTED, and the run is taken over after a while.
    """
    with context.ledger.statement() as connection:
        if not claim_run(connection, name, due_at, dry_run=context.dry_run):
            return False
    try:
        run = work(context)
    except SoftTimeLimitExceeded:
        run = RunResult({}, ["It reached the time limit; what was done is done, and the next run goes on"])
    except psycopg.Error as error:
        run = RunResult({}, [f"{type(error).__name__}: {error}"])
    except StorageUnavailableError as error:
        run = RunResult({}, [error.detail])
    with context.ledger.statement() as connection:
        finish_run(connection, name, due_at, run)
    if run.problems:
        log.error("scheduled work failed", work=name, problems=run.problems)
    else:
        log.info("scheduled work done", work=name, result=run.result)
    return True


def register(app: Celery, context: Callable[[], RunContext]) -> None:
    """Adds the task to the app. `context` is the child process's own."""
    by_name = works(app)

    @handles(app, RunScheduled)
    def run_scheduled(message: RunScheduled) -> None:
        if message.name not in by_name:
            raise InvalidMessageError(f"there is no scheduled work named {message.name[:100]!r}")
        run_work(replace(context(), dry_run=message.dry_run), message.name, message.due_at, by_name[message.name])

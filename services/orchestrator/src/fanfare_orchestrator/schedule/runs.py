"""The rows of `schedule_runs`: a run is claimed by inserting its `(name, due_at)`, and its result recorded there."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from fanfare_shared.contracts.words import TaskStatus
from fanfare_shared.db.connection import Connection

# Longer than the task's hard time limit: whoever claimed it this long ago and has not finished is dead.
CLAIM_EXPIRES = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run found and did. Any `problems` make the run a FAILURE, and are its error."""

    result: dict[str, Any]
    problems: list[str] = field(default_factory=list)


def claim_run(connection: Connection, name: str, due_at: datetime, *, dry_run: bool) -> bool:
    """True for the one that may do this run: the first to ask, or the first after a predecessor that died in it."""
    claimed = connection.execute(
        """
        INSERT INTO schedule_runs (name, due_at, dry_run, status) VALUES (%s, %s, %s, 'STARTED')
        ON CONFLICT (name, due_at) DO UPDATE SET started_at = now()
        WHERE schedule_runs.status = 'STARTED' AND schedule_runs.started_at < now() - %s
        RETURNING true
        """,
        (name, due_at, dry_run, CLAIM_EXPIRES),
    ).fetchone()
    return claimed is not None


def finish_run(connection: Connection, name: str, due_at: datetime, run: RunResult) -> None:
    status = TaskStatus.FAILURE if run.problems else TaskStatus.SUCCESS
    connection.execute(
        """
        UPDATE schedule_runs SET status = %s, finished_at = now(), result = %s, error = %s
        WHERE name = %s AND due_at = %s AND status = 'STARTED'
        """,
        (status.value, Jsonb(run.result), "; ".join(run.problems)[:2000] or None, name, due_at),
    )

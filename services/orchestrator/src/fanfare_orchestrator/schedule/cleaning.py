"""Deleting what is past its time, in chunks: each its own short transaction, so that nobody waits for a million rows."""

from datetime import timedelta
from typing import Any

from psycopg import sql

from fanfare_orchestrator.schedule.context import RunContext
from fanfare_orchestrator.schedule.runs import RunResult
from fanfare_shared.db.connection import the_row

_CHUNK_ROWS = 5_000
# The history of the operators' tables, and the column that says how old a row is.
_HISTORY = {"audit_log": "at", "dead_letters": "created_at", "schedule_runs": "started_at"}


def clean_idempotency_keys(context: RunContext) -> RunResult:
    age = timedelta(hours=context.settings.idempotency_hours)
    return RunResult({"deleted": delete_older(context, "idempotency_keys", "created_at", age)})


def clean_history(context: RunContext) -> RunResult:
    age = timedelta(days=context.settings.audit_days)
    return RunResult(
        {"deleted": {table: delete_older(context, table, column, age) for table, column in _HISTORY.items()}}
    )


def delete_older(context: RunContext, table: str, column: str, age: timedelta) -> int:
    """How many rows of `table` were older than `age` and are gone."""
    return delete_in_chunks(context, table, sql.SQL("{} < now() - %s").format(sql.Identifier(column)), (age,))


def delete_in_chunks(context: RunContext, table: str, condition: sql.Composable, parameters: tuple[Any, ...]) -> int:
    """How many rows of `table` met `condition` and are gone; in a dry run, how many there are."""
    if context.dry_run:
        count = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(sql.Identifier(table), condition)
        with context.ledger.statement() as connection:
            return int(the_row(connection.execute(count, parameters))[0])
    statement = sql.SQL(
        "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {condition} LIMIT {rows}))"
    ).format(table=sql.Identifier(table), condition=condition, rows=_CHUNK_ROWS)
    total = 0
    while True:
        with context.ledger.statement() as connection:
            deleted = connection.execute(statement, parameters).rowcount
        total += deleted
        if deleted < _CHUNK_ROWS:
            return total

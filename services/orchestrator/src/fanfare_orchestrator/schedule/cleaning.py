"""Deleting what is past its time, in chunks: each its own short transaction, so that nobody waits for a million rows."""

from datetime import timedelta
from typing import Any

from psycopg import sql

from fanfare_orchestrator.schedule.runs import RunResult
from fanfare_orchestrator.schedule.settings import MaintenanceSettings
from fanfare_shared.db.connection import Ledger

_CHUNK_ROWS = 5_000
# The history of the operators' tables, and the column that says how old a row is.
_HISTORY = {"audit_log": "at", "dead_letters": "created_at", "schedule_runs": "started_at"}


def clean_idempotency_keys(ledger: Ledger, settings: MaintenanceSettings) -> RunResult:
    age = timedelta(hours=settings.idempotency_hours)
    return RunResult({"deleted": delete_older(ledger, "idempotency_keys", "created_at", age)})


def clean_history(ledger: Ledger, settings: MaintenanceSettings) -> RunResult:
    age = timedelta(days=settings.audit_days)
    return RunResult(
        {"deleted": {table: delete_older(ledger, table, column, age) for table, column in _HISTORY.items()}}
    )


def delete_older(ledger: Ledger, table: str, column: str, age: timedelta) -> int:
    """How many rows of `table` were older than `age` and are gone."""
    return delete_in_chunks(ledger, table, sql.SQL("{} < now() - %s").format(sql.Identifier(column)), (age,))


def delete_in_chunks(ledger: Ledger, table: str, condition: sql.Composable, parameters: tuple[Any, ...]) -> int:
    """How many rows of `table` met `condition` and are gone."""
    statement = sql.SQL(
        "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {condition} LIMIT {rows}))"
    ).format(table=sql.Identifier(table), condition=condition, rows=_CHUNK_ROWS)
    total = 0
    while True:
        with ledger.statement() as connection:
            deleted = connection.execute(statement, parameters).rowcount
        total += deleted
        if deleted < _CHUNK_ROWS:
            return total

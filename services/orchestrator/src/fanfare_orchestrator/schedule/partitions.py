"""The deliveries' weekly partitions: made ahead of planning, and dropped with their batches after the retention."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from psycopg import errors, sql

from fanfare_orchestrator.schedule.cleaning import delete_in_chunks
from fanfare_orchestrator.schedule.context import RunContext
from fanfare_orchestrator.schedule.runs import RunResult
from fanfare_shared.db.connection import Connection, Ledger
from fanfare_shared.db.partitions import (
    Partition,
    drop_partition,
    ensure_partition,
    existing_partitions,
    hold_partition,
)

WEEKS_AHEAD = 4
# Making and dropping lock the whole table for a moment; whoever waits for that lock holds up every worker behind it.
_LOCK_TIMEOUT = "2s"


def make_partitions(context: RunContext) -> RunResult:
    made, problems = [], []
    there = _existing(context.ledger) if context.dry_run else set()
    for week in range(WEEKS_AHEAD + 1):
        partition = Partition.holding(datetime.now(UTC) + timedelta(weeks=week))
        if context.dry_run:
            made += [partition.name] if partition not in there else []
            continue
        new = _unless_locked(context.ledger, ensure_partition, partition)
        if new:
            made.append(partition.name)
        elif new is None:
            problems.append(f"{partition.name} was not made: the table was locked")
    return RunResult({"made": made}, problems)


def drop_partitions(context: RunContext) -> RunResult:
    """Drops the weeks of which every campaign ended longer ago than the retention.

    A campaign's own row stays, with its final account; its batches go first, so that a run which is cut short leaves
    the partition for the next to find. A draft or a scheduled campaign of an old week has no deliveries yet, and
    planning makes the partition again when it is sent.
    """
    retention = timedelta(days=context.settings.retention_days)
    dropped, batches, problems = [], 0, []
    for partition in _past(context.ledger, retention):
        batches += _delete_batches(context, partition)
        if context.dry_run:
            dropped.append(partition.name)
            continue
        gone = _unless_locked(context.ledger, partial(_drop, retention=retention), partition)
        if gone:
            dropped.append(partition.name)
        elif gone is None:
            problems.append(f"{partition.name} was not dropped: the table was locked")
    return RunResult({"dropped": dropped, "batches_deleted": batches}, problems)


def _existing(ledger: Ledger) -> set[Partition]:
    with ledger.transaction() as connection:
        return set(existing_partitions(connection))


def _past(ledger: Ledger, retention: timedelta) -> list[Partition]:
    with ledger.transaction() as connection:
        ended = [week for week in existing_partitions(connection) if week.end < datetime.now(UTC) - retention]
        return [week for week in ended if not _is_needed(connection, week, retention)]


def _is_needed(connection: Connection, partition: Partition, retention: timedelta) -> bool:
    """Whether a campaign of that week is being sent, or ended within the retention."""
    first, last = partition.bounds
    return connection.execute(
        """
        SELECT EXISTS (
            SELECT FROM campaigns
            WHERE id >= %(first)s AND id < %(last)s
              AND (status IN ('processing', 'paused', 'cancelling')
                   OR (status IN ('completed', 'cancelled', 'failed')
                       AND coalesce(completed_at, updated_at) > now() - %(retention)s)))
        """,
        {"first": first, "last": last, "retention": retention},
    ).fetchone() == (True,)


def _delete_batches(context: RunContext, partition: Partition) -> int:
    condition = sql.SQL(
        "campaign_id >= %s AND campaign_id < %s AND EXISTS (SELECT FROM campaigns c "
        "WHERE c.id = campaign_id AND c.status IN ('completed', 'cancelled', 'failed'))"
    )
    return delete_in_chunks(context, "batches", condition, partition.bounds)


def _drop(connection: Connection, partition: Partition, retention: timedelta) -> bool:
    """Looks again once no planner can begin on that week, then drops it."""
    hold_partition(connection, partition)
    if _is_needed(connection, partition, retention):
        return False
    drop_partition(connection, partition)
    return True


def _unless_locked(
    ledger: Ledger, change: Callable[[Connection, Partition], bool], partition: Partition
) -> bool | None:
    """What `change` returned, in a transaction of its own; None where it met a lock that was not released soon."""
    with ledger.transaction() as connection:
        try:
            with connection.transaction():
                connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(_LOCK_TIMEOUT))
                return change(connection, partition)
        except errors.LockNotAvailable:
            return None

"""Giving a batch back, and closing it: its follow-ups and its counts, in one transaction."""

from collections import defaultdict
from typing import Any

from psycopg.rows import dict_row

from fanfare_shared.bulk.closing import fold, give_back
from fanfare_shared.campaigns.answers import Answers
from fanfare_shared.campaigns.journal import record
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.campaigns.retries import RetryKind, follow_up_delay, follow_up_is_ambiguous
from fanfare_shared.campaigns.rows import SendLease
from fanfare_shared.db.connection import Connection
from fanfare_shared.errors import BatchUnaccountedError, LeaseLostError


def release(connection: Connection, lease: SendLease, answers: Answers, delay_seconds: float = 0) -> None:
    """Gives the batch back where it stands, due again after `delay_seconds`. Nothing of it may be in flight.

    Call inside a transaction. Raises LeaseLostError.
    """
    if answers:
        record(connection, lease, answers)
    give_back(connection, CAMPAIGNS, lease, delay_seconds)


def close(connection: Connection, lease: SendLease, answers: Answers) -> int:
    """Closes the batch, makes a follow-up per kind of retry, adds its counts to the campaign's; how many follow-ups.

    Call inside a transaction, when every position is answered for. Raises LeaseLostError, BatchUnaccountedError.
    """
    if answers:
        record(connection, lease, answers)
    batch = _lock(connection, lease)
    settled = sum(batch[name] for name in CAMPAIGNS.counts)
    if batch["started"] != batch["size"] or settled + len(batch["retry_positions"]) != batch["size"]:
        raise BatchUnaccountedError(
            f"batch {lease.batch_id} of {batch['size']} closes with {batch['started']} started, {settled} settled, "
            f"{len(batch['retry_positions'])} to retry"
        )
    follow_ups = _follow_up(connection, batch)
    connection.execute(
        "UPDATE batches SET status = 'closed', due_at = NULL, closed_at = now() WHERE id = %s", (lease.batch_id,)
    )
    fold(connection, CAMPAIGNS, batch, settled)
    return follow_ups


def _lock(connection: Connection, lease: SendLease) -> dict[str, Any]:
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            f"""
            SELECT id, campaign_id, app_id, priority, attempt, ambiguous, size, started,
                   retry_positions, retry_kinds, retry_after, {", ".join(CAMPAIGNS.counts)}
            FROM batches
            WHERE id = %s AND epoch = %s AND writes = %s AND status IN ('leased', 'published')
            FOR UPDATE
            """,
            (lease.batch_id, lease.epoch, lease.writes),
        ).fetchone()
    if row is None:
        raise LeaseLostError(f"Batch {lease.batch_id} is no longer at epoch {lease.epoch}")
    return row


def _follow_up(connection: Connection, batch: dict[str, Any]) -> int:
    """One follow-up a kind: same shape, the positions in the batch's order."""
    positions: dict[RetryKind, list[int]] = defaultdict(list)
    for position, kind in zip(batch["retry_positions"], batch["retry_kinds"], strict=True):
        positions[RetryKind(kind)].append(position + 1)
    for kind, of_kind in positions.items():
        connection.execute(
            """
            INSERT INTO batches (campaign_id, app_id, priority, parent_id, attempt, ambiguous, device_ids, size, due_at)
            SELECT campaign_id, app_id, priority, id, %(attempt)s, %(ambiguous)s,
                   (SELECT array_agg(device_ids[position] ORDER BY position) FROM unnest(%(positions)s::int[]) AS position),
                   %(size)s, now() + %(delay)s * interval '1 second'
            FROM batches WHERE id = %(id)s
            """,
            {
                "id": batch["id"],
                "attempt": batch["attempt"] + (1 if kind.counts else 0),
                "ambiguous": follow_up_is_ambiguous(kind, batch["ambiguous"]),
                "positions": of_kind,
                "size": len(of_kind),
                "delay": follow_up_delay(kind, batch["attempt"], batch["retry_after"]),
            },
        )
    return len(positions)

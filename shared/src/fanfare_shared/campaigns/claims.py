"""Claiming a batch: a lease and a new epoch, and what became of a predecessor that died.

Positions below `started` with neither an outcome nor a retry were in flight when the last worker died. They are
ambiguous: sent again under at-least-once, `unknown` under at-most-once. The rest is untouched.
"""

from typing import Any
from uuid import UUID

from psycopg.rows import class_row, dict_row

from fanfare_shared.bulk.faults import pause_campaign
from fanfare_shared.campaigns.retries import RetryKind
from fanfare_shared.campaigns.rows import AppRow, CampaignRow, Claim, DeviceRow, Lease
from fanfare_shared.contracts.messages import SendBatch
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import BatchStatus, DeliveryGuarantee, Outcome
from fanfare_shared.db.connection import Connection, the_row
from fanfare_shared.ids import uuid7

# A batch whose claims died this often in a row without a write is set aside: it kills its workers, or they cannot work.
MAX_LOST_CLAIMS = 5

MAY_SEND = "(c.status = 'processing' AND (c.expires_at IS NULL OR c.expires_at > now()))"


def claim(connection: Connection, batch_id: int, worker: str, lease_seconds: float) -> Claim | None:
    """The batch, leased to `worker` for `lease_seconds`; None where there is nothing to do but acknowledge the message:
    another has it, it is closed or not due, or its campaign may not be sent (then it goes back to `ready`).

    Call inside a transaction.
    """
    batch = _lock(connection, batch_id)
    if batch is None:
        return None
    campaign, app = read_campaign(connection, batch["campaign_id"]), read_app(connection, batch["app_id"])
    if not campaign.may_send:
        _return_to_ready(connection, batch_id)
        return None
    predecessor_died = batch["worker"] is not None
    lost_claims = batch["lost_claims"] + 1 if predecessor_died and batch["writes"] == batch["claimed_writes"] else 0
    if lost_claims >= MAX_LOST_CLAIMS:
        _set_aside(connection, batch, lost_claims)
        return None
    leased = _lease(connection, batch_id, worker, lease_seconds, lost_claims)
    if predecessor_died and batch["started"]:
        leased = _settle_ambiguous(connection, leased, campaign)
    return Claim(
        lease=Lease(batch_id, campaign.id, leased["epoch"], leased["attempt"], leased["writes"]),
        campaign=campaign,
        app=app,
        ambiguous=leased["ambiguous"],
        device_ids=leased["device_ids"],
        started=leased["started"],
        lost_claims=lost_claims,
        retry_positions=leased["retry_positions"],
    )


def lock_published(connection: Connection, app_id: UUID, campaign_id: UUID) -> int | None:
    """A published batch of the campaign that nobody is claiming, locked, for a worker that goes on to it by itself.

    The newest, for its message is the last on the queue: it will find the batch closed, and cost nobody a wait.
    """
    row = connection.execute(
        """
        SELECT id FROM batches WHERE app_id = %s AND campaign_id = %s AND status = 'published'
        ORDER BY id DESC LIMIT 1 FOR UPDATE SKIP LOCKED
        """,
        (app_id, campaign_id),
    ).fetchone()
    return row[0] if row is not None else None


def load_devices(connection: Connection, device_ids: list[int]) -> list[DeviceRow]:
    """The devices in the order asked for; with no token where one is gone or inactive."""
    rows = connection.execute(
        "SELECT id, CASE WHEN is_active THEN token ELSE '' END, user_id, platform FROM devices WHERE id = ANY(%s::bigint[])",
        ("{" + ",".join(map(str, device_ids)) + "}",),
        binary=True,
    ).fetchall()
    found = {row[0]: DeviceRow._make(row) for row in rows}
    return [found.get(device_id) or DeviceRow(device_id, "", "", "") for device_id in device_ids]


def _lock(connection: Connection, batch_id: int) -> dict[str, Any] | None:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            SELECT id, campaign_id, app_id, priority, worker, writes, claimed_writes, lost_claims, started
            FROM batches
            WHERE id = %s AND (status = 'published' OR (status = 'leased' AND due_at <= now()))
            FOR UPDATE SKIP LOCKED
            """,
            (batch_id,),
        ).fetchone()


def read_campaign(connection: Connection, campaign_id: UUID) -> CampaignRow:
    with connection.cursor(row_factory=class_row(CampaignRow)) as cursor:
        return the_row(
            cursor.execute(
                f"""
            SELECT id, title, message, data_payload, image_url, priority, ttl_seconds, collapse_key, rate_per_second,
                   delivery, dry_run, payload_verdict, status, {MAY_SEND} AS may_send,
                   coalesce((SELECT extract(epoch FROM now() - p.created_at) FROM probes p
                             WHERE p.campaign_id = c.id AND p.kind = 'payload_verdict'), 0)::float8
                       AS verdict_asked_seconds
            FROM campaigns c WHERE id = %s
            """,
                (campaign_id,),
            )
        )


def read_app(connection: Connection, app_id: UUID) -> AppRow:
    with connection.cursor(row_factory=class_row(AppRow)) as cursor:
        return the_row(
            cursor.execute(
                """
            SELECT id, firebase_project_id, credentials_encrypted, credentials_secret, quota_per_minute,
                   greatest(extract(epoch FROM paused_until - now()), 0)::float8 AS pause_seconds
            FROM apps WHERE id = %s
            """,
                (app_id,),
            )
        )


def _lease(
    connection: Connection, batch_id: int, worker: str, lease_seconds: float, lost_claims: int
) -> dict[str, Any]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return the_row(
            cursor.execute(
                """
            UPDATE batches
            SET status = 'leased', epoch = epoch + 1, worker = %s, due_at = now() + %s * interval '1 second',
                claimed_at = now(), claimed_writes = writes, lost_claims = %s, hints = 0
            WHERE id = %s
            RETURNING id, epoch, attempt, writes, ambiguous, device_ids, started, retry_positions
            """,
                (worker, lease_seconds, lost_claims, batch_id),
            )
        )


def _return_to_ready(connection: Connection, batch_id: int) -> None:
    """`worker` stays, so that whoever claims or drains it next knows of a predecessor that died."""
    connection.execute(
        "UPDATE batches SET status = %s, due_at = now(), hints = 0 WHERE id = %s", (BatchStatus.READY.value, batch_id)
    )


def unaccounted_positions(connection: Connection, batch_id: int) -> list[int]:
    """The positions below `started` with neither an outcome nor a retry. The batch's row must be locked."""
    rows = connection.execute(
        """
        SELECT position - 1
        FROM batches b, unnest(b.device_ids[1:b.started]) WITH ORDINALITY AS sent (device_id, position)
        WHERE b.id = %s AND (position - 1) <> ALL (b.retry_positions)
          AND NOT EXISTS (SELECT FROM deliveries d WHERE d.campaign_id = b.campaign_id AND d.device_id = sent.device_id)
        ORDER BY position
        """,
        (batch_id,),
    ).fetchall()
    return [position for (position,) in rows]


def _settle_ambiguous(connection: Connection, leased: dict[str, Any], campaign: CampaignRow) -> dict[str, Any]:
    positions = unaccounted_positions(connection, leased["id"])
    if not positions:
        return leased
    if campaign.delivery == DeliveryGuarantee.AT_MOST_ONCE:
        _record_unknown(connection, leased, campaign.id, positions)
        positions = []
    with connection.cursor(row_factory=dict_row) as cursor:
        return the_row(
            cursor.execute(
                """
            UPDATE batches
            SET writes = writes + 1, claimed_writes = writes + 1, retry_positions = retry_positions || %(positions)s::int[],
                retry_kinds = retry_kinds || array_fill(%(kind)s::int, ARRAY[%(count)s])
            WHERE id = %(id)s
            RETURNING id, epoch, attempt, writes, ambiguous, device_ids, started, retry_positions
            """,
                {"id": leased["id"], "positions": positions, "kind": RetryKind.LOST.value, "count": len(positions)},
            )
        )


def _record_unknown(connection: Connection, leased: dict[str, Any], campaign_id: UUID, positions: list[int]) -> None:
    device_ids = [leased["device_ids"][position] for position in positions]
    connection.execute(
        """
        INSERT INTO deliveries (campaign_id, device_id, sent_at, attempts, platform, status, user_id,
                                error_code, error_message)
        SELECT %(campaign)s, lost.device_id, now(), %(attempt)s, coalesce(d.platform, ''), %(outcome)s,
               coalesce(d.user_id, ''), 'WORKER_LOST', 'The worker died before it could record an answer'
        FROM unnest(%(devices)s::bigint[]) AS lost (device_id) LEFT JOIN devices d ON d.id = lost.device_id
        """,
        {
            "campaign": campaign_id,
            "attempt": leased["attempt"],
            "outcome": Outcome.UNKNOWN.value,
            "devices": device_ids,
        },
    )
    connection.execute(
        "UPDATE batches SET unknown = unknown + %s, errors = add_counts(errors, %s) WHERE id = %s",
        (len(device_ids), f'{{"WORKER_LOST": {len(device_ids)}}}', leased["id"]),
    )


def _set_aside(connection: Connection, batch: dict[str, Any], lost_claims: int) -> None:
    reason = f"{lost_claims} claims in a row died without a write, the last by {batch['worker']}"
    connection.execute(
        "UPDATE batches SET status = 'set_aside', due_at = NULL, worker = NULL, lost_claims = %s WHERE id = %s",
        (lost_claims, batch["id"]),
    )
    connection.execute(
        """
        INSERT INTO dead_letters (id, source, source_id, queue, task, reason)
        VALUES (%s, 'batch', %s, %s, %s, %s)
        """,
        (uuid7(), str(batch["id"]), Queue.for_push(batch["priority"]).value, SendBatch.task, reason),
    )
    pause_campaign(connection, batch["campaign_id"], "BATCH_SET_ASIDE", reason)

"""Claiming a batch: a lease and a new epoch, and what became of a predecessor that died.

Positions below `started` with neither an outcome nor a retry were in flight when the last worker died. They are
ambiguous: sent again under at-least-once, `unknown` under at-most-once. The rest is untouched.
"""

from typing import Any
from uuid import UUID

from psycopg.rows import class_row, dict_row

from fanfare_shared.bulk.claims import claim_batch
from fanfare_shared.bulk.kind import MAY_WORK
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.campaigns.retries import RetryKind
from fanfare_shared.campaigns.rows import AppRow, CampaignRow, Claim, DeviceRow, SendLease
from fanfare_shared.contracts.words import DeliveryGuarantee, Outcome
from fanfare_shared.db.connection import Connection, the_row


def claim(connection: Connection, batch_id: int, worker: str, lease_seconds: float) -> Claim | None:
    """The batch, leased to `worker` for `lease_seconds`, and what sending it takes; None as `claim_batch` says.

    Call inside a transaction.
    """
    leased = claim_batch(connection, CAMPAIGNS, batch_id, worker, lease_seconds)
    if leased is None:
        return None
    campaign, app = read_campaign(connection, leased["campaign_id"]), read_app(connection, leased["app_id"])
    lost_claims = leased["lost_claims"]
    if leased["predecessor_died"] and leased["started"]:
        leased = _settle_ambiguous(connection, leased, campaign)
    return Claim(
        lease=SendLease(batch_id, campaign.id, leased["epoch"], leased["writes"], leased["attempt"]),
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


def read_campaign(connection: Connection, campaign_id: UUID) -> CampaignRow:
    with connection.cursor(row_factory=class_row(CampaignRow)) as cursor:
        return the_row(
            cursor.execute(
                f"""
            SELECT id, title, message, data_payload, image_url, priority, ttl_seconds, collapse_key, rate_per_second,
                   delivery, dry_run, payload_verdict, status, {MAY_WORK} AS may_send,
                   coalesce((SELECT extract(epoch FROM now() - p.created_at) FROM probes p
                             WHERE p.campaign_id = j.id AND p.kind = 'payload_verdict'), 0)::float8
                       AS verdict_asked_seconds
            FROM campaigns j WHERE id = %s
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

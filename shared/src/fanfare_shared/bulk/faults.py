"""A campaign that stops by itself: paused with a reason, or failed with an error. Locks the campaign's row alone."""

from typing import Any
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from fanfare_shared.bulk.transitions import Action, allowed_from
from fanfare_shared.campaigns.notifications import CampaignEvent, notifications_for
from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.db.connection import Connection

_CAMPAIGN = (
    "SELECT c.*, coalesce(p.total, 0) AS total FROM campaigns c LEFT JOIN campaign_plans p ON p.campaign_id = c.id"
)


def pause_campaign(connection: Connection, campaign_id: UUID, reason: str, message: str = "") -> bool:
    """Pauses the campaign with `reason` (a stable code) and tells its owner. False where it was not processing."""
    changed = connection.execute(
        """
        UPDATE campaigns
        SET status = %(status)s, pause_reason = %(reason)s, error_message = nullif(%(message)s, ''), updated_at = now()
        WHERE id = %(id)s AND status = ANY(%(from)s)
        """,
        {
            "id": campaign_id,
            "status": JobStatus.PAUSED.value,
            "reason": reason,
            "message": message,
            "from": list(allowed_from(Action.PAUSE)),
        },
    ).rowcount
    if changed:
        notify(connection, campaign_id, CampaignEvent.PAUSED)
    return bool(changed)


def fail_campaign(connection: Connection, campaign_id: UUID, code: str, message: str) -> bool:
    """Sends the campaign through `cancelling` to `failed`, with the error. False where it is past that."""
    return bool(
        connection.execute(
            """
            UPDATE campaigns
            SET status = 'cancelling', final_status = 'failed', error_code = %(code)s, error_message = %(message)s,
                pause_reason = NULL, due_at = now(), updated_at = now()
            WHERE id = %(id)s AND status = ANY(%(from)s)
            """,
            {"id": campaign_id, "code": code, "message": message, "from": list(allowed_from(Action.FAIL))},
        ).rowcount
    )


def notify(connection: Connection, campaign_id: UUID, event: CampaignEvent) -> None:
    """Writes the notifications of `event`, in the transaction that caused it."""
    with connection.cursor(row_factory=dict_row) as cursor:
        campaign: dict[str, Any] | None = cursor.execute(f"{_CAMPAIGN} WHERE c.id = %s", (campaign_id,)).fetchone()
    if campaign is None:
        return
    for row in notifications_for(campaign, event):
        connection.execute(
            """
            INSERT INTO notifications (id, campaign_id, app_id, kind, event, target, payload, due_at)
            VALUES (%(id)s, %(campaign_id)s, %(app_id)s, %(kind)s, %(event)s, %(target)s, %(payload)s, now())
            """,
            row | {"payload": Jsonb(row["payload"])},
        )

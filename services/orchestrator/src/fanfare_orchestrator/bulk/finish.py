"""A campaign's end: its account is recounted once, and has to add up."""

from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from fanfare_shared.bulk.faults import notify
from fanfare_shared.bulk.transitions import Action, allowed_from, next_status
from fanfare_shared.campaigns.closing import COUNTS
from fanfare_shared.campaigns.notifications import CampaignEvent
from fanfare_shared.contracts.words import JobStatus, Outcome
from fanfare_shared.db.connection import Connection, the_row
from fanfare_shared.logs import get_logger
from fanfare_shared.metrics import ledger_imbalances

IMBALANCE = "LEDGER_IMBALANCE"

log = get_logger(__name__)

_LOCK_CAMPAIGN = f"""
SELECT id, status, pause_reason, coalesce(final_status, 'cancelled') AS final_status, dry_run, settled,
       coalesce(expires_at <= now(), false) AS is_expired, {", ".join(COUNTS)}
FROM campaigns WHERE id = %s FOR NO KEY UPDATE
"""

# A campaign that ends before it is planned is planned as far as it got. The plan's lock waits for a window under way.
_LOCK_PLAN = """
INSERT INTO campaign_plans (campaign_id, ceiling) VALUES (%s, 0)
ON CONFLICT (campaign_id) DO UPDATE SET total = campaign_plans.total
RETURNING total, planned_at IS NOT NULL AS is_planned
"""


def finish(connection: Connection, campaign_id: UUID) -> JobStatus | None:
    """The campaign's final status, if this ended it: nothing of it is open, and it is planned or stopped.

    An account that does not add up pauses the campaign instead. Locks the campaign's row, then its plan's; only a later
    statement than the lock sees what the lock waited for. Call inside a transaction.
    """
    campaign = _lock(connection, campaign_id)
    ending = None if campaign is None else _ending(campaign)
    if campaign is None or ending is None:
        return None
    total, is_planned = the_row(connection.execute(_LOCK_PLAN, (campaign_id,)))
    if (not is_planned and _must_be_planned(campaign)) or _has_open_batch(connection, campaign_id):
        return None
    recount = _recount(connection, campaign_id)
    counts = {name: campaign[name] for name in COUNTS}
    if recount != counts or sum(recount.values()) != total or campaign["settled"] != total:
        _pause(
            connection,
            campaign_id,
            {"total": total, "settled": campaign["settled"], "counts": counts, "recount": recount},
        )
        return None
    _end(connection, campaign, ending)
    return ending


def _lock(connection: Connection, campaign_id: UUID) -> dict[str, Any] | None:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_LOCK_CAMPAIGN, (campaign_id,)).fetchone()


def _ending(campaign: dict[str, Any]) -> JobStatus | None:
    """What the campaign ends as once nothing of it is open; None where it does not end by itself."""
    status = JobStatus(campaign["status"])
    if status is JobStatus.CANCELLING:
        return JobStatus(campaign["final_status"])
    waits = status is JobStatus.PAUSED and (not campaign["is_expired"] or campaign["pause_reason"] == IMBALANCE)
    return None if waits or status not in allowed_from(Action.COMPLETE) else next_status(Action.COMPLETE, status)


def _must_be_planned(campaign: dict[str, Any]) -> bool:
    return bool(campaign["status"] == JobStatus.PROCESSING)


def _has_open_batch(connection: Connection, campaign_id: UUID) -> bool:
    query = "SELECT EXISTS (SELECT FROM batches WHERE campaign_id = %s AND status <> 'closed')"
    return bool(the_row(connection.execute(query, (campaign_id,)))[0])


def _recount(connection: Connection, campaign_id: UUID) -> dict[str, int]:
    rows = connection.execute(
        "SELECT status, count(*) FROM deliveries WHERE campaign_id = %s GROUP BY status", (campaign_id,)
    ).fetchall()
    return dict.fromkeys(COUNTS, 0) | dict(rows)


def _end(connection: Connection, campaign: dict[str, Any], ending: JobStatus) -> None:
    has_dead_tokens = campaign[Outcome.ACCEPTED] > 0 and campaign[Outcome.INVALID_TOKEN] > 0 and not campaign["dry_run"]
    connection.execute(
        """
        UPDATE campaigns
        SET status = %s, pause_reason = NULL, completed_at = now(), updated_at = now(), due_at = NULL,
            deactivate_due_at = CASE WHEN %s THEN now() END
        WHERE id = %s
        """,
        (ending.value, has_dead_tokens, campaign["id"]),
    )
    connection.execute(
        "UPDATE campaign_plans SET planned_at = coalesce(planned_at, now()) WHERE campaign_id = %s", (campaign["id"],)
    )
    notify(connection, campaign["id"], CampaignEvent.of_status(ending))


def _pause(connection: Connection, campaign_id: UUID, account: dict[str, Any]) -> None:
    """From whatever status: an account nobody can trust stops where it is, cancelled or not."""
    ledger_imbalances.inc()
    log.error("the ledger does not add up: campaign paused", campaign_id=str(campaign_id), **account)
    connection.execute(
        """
        UPDATE campaigns
        SET status = 'paused', pause_reason = %s, error_message = %s, due_at = NULL, updated_at = now()
        WHERE id = %s
        """,
        (IMBALANCE, f"The recount does not match the account: {account}", campaign_id),
    )
    notify(connection, campaign_id, CampaignEvent.PAUSED)

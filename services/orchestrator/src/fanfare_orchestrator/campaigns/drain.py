"""Draining: the open batches of a campaign that ends early are closed by recording what became of their devices.

A device whose last send may have been accepted is `unknown`; every other that has no outcome yet is what the campaign
is: cancelled, or expired. A batch under a live lease is left to its worker, which gives it back at its next write.
"""

from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from fanfare_orchestrator.bulk.steps import Drained
from fanfare_shared.bulk.closing import fold
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.campaigns.retries import RetryKind
from fanfare_shared.contracts.words import Outcome
from fanfare_shared.db.connection import Connection

# Batches a transaction closes at most: 40,000 devices at the default size, about half a second.
_BATCHES = 20

_LOCK = """
SELECT id FROM batches
WHERE campaign_id = %s AND status <> 'closed' AND (status <> 'leased' OR due_at <= now())
ORDER BY id LIMIT %s
FOR UPDATE SKIP LOCKED
"""

# `place` counts from 1, as arrays do; positions in the ledger count from 0. A closed batch's epoch has moved on, so a
# worker back from the dead records nothing.
_CLOSE = f"""
WITH places AS (
    SELECT b.id AS batch_id, p.place, p.device_id
    FROM batches b CROSS JOIN LATERAL unnest(b.device_ids) WITH ORDINALITY AS p (device_id, place)
    WHERE b.id = ANY(%(batches)s)
),
retries AS (
    SELECT b.id AS batch_id, r.position + 1 AS place, r.kind
    FROM batches b CROSS JOIN LATERAL unnest(b.retry_positions, b.retry_kinds) AS r (position, kind)
    WHERE b.id = ANY(%(batches)s)
),
rest AS (
    SELECT b.id AS batch_id, p.device_id,
           b.attempt - CASE WHEN p.place > b.started OR r.kind = %(deferred)s THEN 1 ELSE 0 END AS attempts,
           CASE WHEN p.place <= b.started THEN coalesce(b.claimed_at, b.created_at) END AS sent_at,
           CASE WHEN r.kind = ANY(%(ambiguous)s) THEN true
                WHEN r.kind = %(deferred)s THEN b.ambiguous
                WHEN r.kind IS NOT NULL THEN false
                ELSE p.place <= b.started OR b.ambiguous END AS unknown
    FROM places p JOIN batches b ON b.id = p.batch_id
    LEFT JOIN retries r ON r.batch_id = p.batch_id AND r.place = p.place
    WHERE p.place > b.started OR r.kind IS NOT NULL
       OR NOT EXISTS (SELECT FROM deliveries d WHERE d.campaign_id = b.campaign_id AND d.device_id = p.device_id)
),
recorded AS (
    INSERT INTO deliveries (campaign_id, device_id, sent_at, attempts, platform, status, user_id, error_code, error_message)
    SELECT %(campaign)s, rest.device_id, rest.sent_at, rest.attempts, coalesce(d.platform, ''),
           CASE WHEN rest.unknown THEN 'unknown' ELSE %(outcome)s END, coalesce(d.user_id, ''),
           CASE WHEN rest.unknown THEN %(code)s END, CASE WHEN rest.unknown THEN %(why)s END
    FROM rest LEFT JOIN devices d ON d.id = rest.device_id
),
tally AS (
    SELECT batches.id, count(*) FILTER (WHERE rest.unknown) AS unknown, count(*) FILTER (WHERE NOT rest.unknown) AS settled
    FROM batches LEFT JOIN rest ON rest.batch_id = batches.id
    WHERE batches.id = ANY(%(batches)s) GROUP BY batches.id
)
UPDATE batches b
SET status = 'closed', due_at = NULL, closed_at = now(), epoch = epoch + 1, worker = NULL,
    unknown = b.unknown + tally.unknown,
    {{column}} = b.{{column}} + tally.settled,
    errors = CASE WHEN tally.unknown = 0 THEN b.errors
                  ELSE add_counts(b.errors, jsonb_build_object(%(code)s::text, tally.unknown)) END
FROM tally WHERE b.id = tally.id
RETURNING b.id, b.campaign_id, b.size, {", ".join(f"b.{name}" for name in CAMPAIGNS.counts)}
"""
_STATEMENTS = {outcome: _CLOSE.format(column=outcome.value) for outcome in (Outcome.CANCELLED, Outcome.EXPIRED)}


def drain(connection: Connection, campaign_id: UUID, outcome: Outcome) -> Drained:
    """Closes some of the campaign's open batches, their rest as `outcome`: cancelled or expired.

    Locks the batches' rows, then the campaign's. Call inside a transaction.
    """
    locked = [row[0] for row in connection.execute(_LOCK, (campaign_id, _BATCHES)).fetchall()]
    if not locked:
        return Drained(0, more=False)
    for batch in _close(connection, campaign_id, outcome, locked):
        fold(connection, CAMPAIGNS, batch, batch["size"])
    return Drained(len(locked), more=len(locked) == _BATCHES)


def _close(connection: Connection, campaign_id: UUID, outcome: Outcome, batch_ids: list[int]) -> list[dict[str, Any]]:
    parameters = {
        "batches": batch_ids,
        "campaign": campaign_id,
        "outcome": outcome.value,
        "deferred": RetryKind.DEFERRED.value,
        "ambiguous": [RetryKind.AMBIGUOUS.value, RetryKind.LOST.value],
        "code": "UNANSWERED",
        "why": "The campaign ended before it was known whether FCM had accepted the message",
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_STATEMENTS[outcome], parameters).fetchall()

"""Recording answers and advancing the journal, in one statement that commits by itself.

So a stopped worker holds no lock, and a commit in doubt settles itself: repeated, the statement finds `writes` moved on,
does nothing, and the row says that it was the first one that counted.
"""

from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from fanfare_shared.bulk.kind import MAY_WORK
from fanfare_shared.campaigns.answers import Answers, join_column, join_numbers
from fanfare_shared.campaigns.rows import Recorded, SendLease
from fanfare_shared.contracts.words import Outcome
from fanfare_shared.db.connection import Connection
from fanfare_shared.errors import LeaseLostError

# Outcomes need the epoch only, for what is known must not be lost; advancing needs a live lease and a campaign that may
# be sent as well.
_RECORD = f"""
WITH journal AS (
    UPDATE batches b
    SET started = CASE WHEN b.status = 'leased' AND b.due_at > now() AND {MAY_WORK}
                       THEN greatest(b.started, %(advance_to)s) ELSE b.started END,
        due_at = CASE WHEN b.status = 'leased' AND b.due_at > now() AND %(renew)s::float8 IS NOT NULL
                      THEN now() + %(renew)s::float8 * interval '1 second' ELSE b.due_at END,
        writes = b.writes + 1,
        accepted = b.accepted + %(accepted)s,
        invalid_token = b.invalid_token + %(invalid_token)s,
        failed = b.failed + %(failed)s,
        unknown = b.unknown + %(unknown)s,
        errors = CASE WHEN %(errors)s = '{{}}'::jsonb THEN b.errors ELSE add_counts(b.errors, %(errors)s) END,
        retry_positions = b.retry_positions || %(retry_positions)s::int[],
        retry_kinds = b.retry_kinds || %(retry_kinds)s::int[],
        retry_after = greatest(b.retry_after, %(retry_after)s)
    FROM campaigns j
    WHERE b.id = %(batch)s AND j.id = b.campaign_id AND b.epoch = %(epoch)s AND b.writes = %(writes)s
      AND b.status IN ('leased', 'published')
    RETURNING b.started, {MAY_WORK} AND b.status = 'leased' AND b.due_at > now() AS may_send
)"""

# `unnest` of several arrays walks them side by side. An empty string splits to no element, as an empty column should;
# so does a column of one empty value, which then comes out as null.
_ACCEPTED = """
accepted AS (
    INSERT INTO deliveries (campaign_id, device_id, sent_at, attempts, platform, status, user_id, message_id)
    SELECT %(campaign)s, a.device_id, now(), %(attempt)s, a.platform, 'accepted', a.user_id, a.message_id
    FROM unnest(%(accepted_ids)s::bigint[], string_to_array(%(accepted_users)s, E'\\x1f'),
                string_to_array(%(accepted_platforms)s, E'\\x1f'),
                string_to_array(%(accepted_messages)s, E'\\x1f'))
         AS a (device_id, user_id, platform, message_id)
    WHERE EXISTS (SELECT FROM journal)
)"""

_OTHERS = """
others AS (
    INSERT INTO deliveries (campaign_id, device_id, sent_at, attempts, platform, status, user_id,
                            error_code, error_message, token_digest)
    SELECT %(campaign)s, o.device_id, CASE WHEN o.attempted = 1 THEN now() - o.age * interval '1 second' END,
           %(attempt)s - 1 + o.attempted, coalesce(o.platform, ''), o.outcome, coalesce(o.user_id, ''),
           nullif(o.code, ''), nullif(o.message, ''),
           CASE WHEN o.digest <> '' THEN decode(o.digest, 'hex') END
    FROM unnest(%(other_ids)s::bigint[], string_to_array(%(other_users)s, E'\\x1f'),
                string_to_array(%(other_platforms)s, E'\\x1f'),
                string_to_array(%(other_outcomes)s, E'\\x1f'),
                string_to_array(%(other_codes)s, E'\\x1f'),
                string_to_array(%(other_messages)s, E'\\x1f'),
                string_to_array(%(other_digests)s, E'\\x1f'),
                %(other_ages)s::float8[], %(other_attempted)s::int[])
         AS o (device_id, user_id, platform, outcome, code, message, digest, age, attempted)
    WHERE EXISTS (SELECT FROM journal)
)"""

_WITHOUT_OTHERS = f"{_RECORD},{_ACCEPTED} SELECT started, may_send FROM journal"
_WITH_OTHERS = f"{_RECORD},{_ACCEPTED},{_OTHERS} SELECT started, may_send FROM journal"


def record(
    connection: Connection,
    lease: SendLease,
    answers: Answers,
    advance_to: int = 0,
    renew_seconds: float | None = None,
) -> Recorded:
    """Records `answers` and moves `started` up to `advance_to` (0: stay), if the campaign may be sent; with
    `renew_seconds`, the lease holds that long from now. Afterwards `answers` may be forgotten.

    Raises LeaseLostError where the batch was claimed or drained since; then nothing was written.
    """
    statement = _WITH_OTHERS if answers.other_ids else _WITHOUT_OTHERS
    with connection.cursor() as cursor:
        row = cursor.execute(statement, _parameters(lease, answers, advance_to, renew_seconds)).fetchone()
    recorded = Recorded(*row) if row is not None else _settle_doubt(connection, lease)
    lease.writes += 1
    return recorded


def _settle_doubt(connection: Connection, lease: SendLease) -> Recorded:
    """The statement matched no row: either an earlier try of it was committed unseen, or the lease is lost."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            f"""
            SELECT b.epoch, b.writes, b.started, {MAY_WORK} AND b.status = 'leased' AND b.due_at > now() AS may_send
            FROM batches b JOIN campaigns j ON j.id = b.campaign_id WHERE b.id = %s
            """,
            (lease.batch_id,),
        ).fetchone()
    if row is None or row["epoch"] != lease.epoch or row["writes"] != lease.writes + 1:
        raise LeaseLostError(f"Batch {lease.batch_id} is no longer at epoch {lease.epoch}, write {lease.writes}")
    return Recorded(row["started"], row["may_send"])


def _parameters(lease: SendLease, answers: Answers, advance_to: int, renew_seconds: float | None) -> dict[str, Any]:
    outcomes = answers.outcomes()
    parameters: dict[str, Any] = {
        "batch": lease.batch_id,
        "campaign": lease.job_id,
        "epoch": lease.epoch,
        "writes": lease.writes,
        "attempt": lease.attempt,
        "advance_to": advance_to,
        "renew": renew_seconds,
        "accepted": outcomes[Outcome.ACCEPTED.value],
        "invalid_token": outcomes[Outcome.INVALID_TOKEN.value],
        "failed": outcomes[Outcome.FAILED.value],
        "unknown": outcomes[Outcome.UNKNOWN.value],
        "errors": Jsonb({code: count for code, count in answers.errors().items() if code}),
        "retry_positions": join_numbers(answers.retry_positions),
        "retry_kinds": join_numbers(answers.retry_kinds),
        "retry_after": answers.retry_after,
        "accepted_ids": join_numbers(answers.accepted_ids),
        "accepted_users": join_column(answers.accepted_users),
        "accepted_platforms": join_column(answers.accepted_platforms),
        "accepted_messages": join_column(answers.accepted_messages),
    }
    if answers.other_ids:
        parameters |= {
            "other_ids": join_numbers(answers.other_ids),
            "other_users": join_column(answers.other_users),
            "other_platforms": join_column(answers.other_platforms),
            "other_outcomes": join_column(answers.other_outcomes),
            "other_codes": join_column(answers.other_codes),
            "other_messages": join_column(answers.other_messages),
            "other_digests": join_column(answers.other_digests),
            "other_ages": answers.other_ages(),
            "other_attempted": answers.other_attempted,
        }
    return parameters

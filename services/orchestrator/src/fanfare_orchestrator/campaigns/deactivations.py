"""Devices whose token a finished campaign found dead.

Only where the token is still the one that was sent to, and was not registered again since; only after campaigns that FCM
accepted something of (else the sender is at fault), and never after a dry run.
"""

from uuid import UUID

from fanfare_orchestrator.context import Context
from fanfare_shared.db.connection import the_row

# Claiming moves the due time on: another orchestrator leaves the campaign alone, and one that died is followed.
_CLAIM = """
UPDATE campaigns SET deactivate_due_at = now() + interval '1 minute'
WHERE id = (SELECT id FROM campaigns WHERE deactivate_due_at <= now() AND accepted > 0 AND NOT dry_run
            ORDER BY deactivate_due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id
"""
_DONE = "UPDATE campaigns SET deactivate_due_at = NULL WHERE id = %s"

# An import holds its devices' locks as long as it runs. The sweep must not wait for it, and comes back.
_PATIENCE = "SET LOCAL lock_timeout = '500ms'"

_DEACTIVATE = """
WITH dead AS (
    SELECT device_id, token_digest, sent_at FROM deliveries
    WHERE campaign_id = %(campaign)s AND status = 'invalid_token' AND device_id > %(after)s
    ORDER BY device_id LIMIT %(chunk)s
),
deactivated AS (
    UPDATE devices d SET is_active = false, deactivated_at = now(), updated_at = now()
    FROM dead
    WHERE d.id = dead.device_id AND d.is_active AND d.token_digest = dead.token_digest
      AND d.registered_at <= dead.sent_at
)
SELECT max(device_id) FROM dead
"""


class DeadTokens:
    """Deactivates a chunk at a time, so that a large campaign does not stop the clock.

    How far it came is kept here alone: forgotten, the campaign is gone through again, which changes nothing.
    """

    def __init__(self, chunk: int = 5_000) -> None:
        self._chunk = chunk
        self._campaign_id: UUID | None = None
        self._after = 0

    def sweep_dead_tokens(self, context: Context) -> bool:
        """Raises LedgerUnavailableError, also for devices that somebody else has locked; tried again a minute later."""
        if self._campaign_id is None:
            self._campaign_id, self._after = self._claim(context), 0
        if self._campaign_id is None:
            return False
        campaign_id, self._campaign_id = self._campaign_id, None
        last = self._deactivate_chunk(context, campaign_id)
        if last is None:
            with context.ledger.statement() as connection:
                connection.execute(_DONE, (campaign_id,))
        else:
            self._campaign_id, self._after = campaign_id, last
        return True

    def _claim(self, context: Context) -> UUID | None:
        with context.ledger.statement() as connection:
            row = connection.execute(_CLAIM).fetchone()
        return None if row is None else row[0]

    def _deactivate_chunk(self, context: Context, campaign_id: UUID) -> int | None:
        """The last device looked at; None when there are no more."""
        parameters = {"campaign": campaign_id, "after": self._after, "chunk": self._chunk}
        with context.ledger.transaction() as connection:
            connection.execute(_PATIENCE)
            last: int | None = the_row(connection.execute(_DEACTIVATE, parameters))[0]
        return last

"""One breaker a project: `apps.paused_until` in the ledger, which dispatch and claims read, and in Redis, which draws do."""

from fanfare_push_worker.quota.quota import Quota
from fanfare_shared.campaigns.rows import AppRow
from fanfare_shared.db.connection import Ledger
from fanfare_shared.errors import LedgerUnavailableError
from fanfare_shared.logs import get_logger

QUOTA_PAUSE_SECONDS = 60.0
"""After a 429 without Retry-After: FCM counts by the minute
(https://firebase.google.com/docs/cloud-messaging/error-codes, QUOTA_EXCEEDED)."""
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0

log = get_logger(__name__)


class Breaker:
    """Counts, per project and process, how often in a row nothing could be reached."""

    def __init__(self, ledger: Ledger, quota: Quota) -> None:
        self._ledger = ledger
        self._quota = quota
        self._failures: dict[str, int] = {}

    def quota_exceeded(self, app: AppRow, retry_after: float) -> float:
        """FCM answered 429: for how many seconds nobody sends to the project. The rate drops and climbs back."""
        seconds = retry_after or QUOTA_PAUSE_SECONDS
        self._open(app, seconds, "QUOTA_EXCEEDED", drop_rate=True)
        return seconds

    def unreachable(self, app: AppRow, reason: str) -> float:
        """FCM or the token endpoint cannot be reached: from 1 s, doubling to 60 s while that goes on."""
        failures = self._failures.get(app.firebase_project_id, 0)
        self._failures[app.firebase_project_id] = failures + 1
        seconds = min(_FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 10), _LONGEST_PAUSE_SECONDS)
        self._open(app, seconds, reason, drop_rate=False)
        return seconds

    def reached(self, app: AppRow) -> None:
        """FCM answered something."""
        self._failures.pop(app.firebase_project_id, None)

    def _open(self, app: AppRow, seconds: float, reason: str, *, drop_rate: bool) -> None:
        log.warning("breaker opened", project=app.firebase_project_id, seconds=seconds, reason=reason)
        self._quota.pause(app, seconds, drop_rate=drop_rate)
        try:
            with self._ledger.statement() as connection:
                connection.execute(
                    """
                    UPDATE apps
                    SET paused_until = greatest(paused_until, now() + %s * interval '1 second'), pause_reason = %s
                    WHERE id = %s
                    """,
                    (seconds, reason, app.id),
                )
        except LedgerUnavailableError as error:
            log.warning("the breaker is not in the ledger", error=error.detail)

"""Writing the journal: one statement at a time, repeated as it was until its fate is known."""

import time
from collections import Counter
from dataclasses import dataclass

from fanfare_push_worker.sending.lease_clock import LeaseClock
from fanfare_shared import metrics
from fanfare_shared.campaigns import batches
from fanfare_shared.campaigns.answers import Answers
from fanfare_shared.campaigns.rows import Claim, Recorded
from fanfare_shared.contracts.words import Outcome
from fanfare_shared.db.connection import Ledger
from fanfare_shared.errors import LedgerUnavailableError
from fanfare_shared.fcm.answers import code_label
from fanfare_shared.logs import get_logger

_RETRY_SECONDS = 0.5
_LONGEST_UNRECORDED_SECONDS = 1.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Write:
    answers: Answers
    advance_to: int
    renew_seconds: float | None
    began: float


class Recorder:
    """`answers` collects what is not written yet.

    While the ledger does not answer, a write is in doubt: it was committed or not. It is then repeated as it was, and
    what was learnt since waits for the next one.
    """

    def __init__(self, ledger: Ledger, claim: Claim, clock: LeaseClock) -> None:
        self._ledger = ledger
        self._claim = claim
        self._clock = clock
        self._doubt: _Write | None = None
        self._retry_at = 0.0
        self._wrote_at = time.monotonic()
        self.answers = Answers()
        self.outcomes: Counter[str] = Counter()
        """What is recorded so far, by outcome."""
        for outcome in Outcome:  # from 0, else the first of a rare one would be no increase
            metrics.push_messages.labels(str(claim.app.id), claim.campaign.priority, outcome)

    @property
    def is_in_doubt(self) -> bool:
        return self._doubt is not None

    @property
    def unrecorded(self) -> int:
        """Answers that the ledger does not have yet, or may not."""
        return len(self.answers) + (len(self._doubt.answers) if self._doubt is not None else 0)

    def is_due(self, in_flight: int) -> bool:
        """Whether something should be written though no chunk is to be: in doubt, a lease to renew, answers waiting; or
        nothing but requests in flight, for a write also tells whether the campaign may still be sent.
        """
        now = time.monotonic()
        if self._doubt is not None:
            return now >= self._retry_at
        waits = bool(len(self.answers) or in_flight) and now - self._wrote_at > _LONGEST_UNRECORDED_SECONDS
        return waits or self._clock.is_due_for_renewal

    def write(self, advance_to: int = 0) -> Recorded | None:
        """Records the answers and advances the journal, or repeats the write in doubt instead.

        None while the ledger does not answer. Raises LeaseLostError.
        """
        if self._doubt is None:
            renew = self._clock.seconds if self._clock.is_due_for_renewal else None
            self._doubt = _Write(self.answers, advance_to, renew, time.monotonic())
            self.answers = Answers()
        write = self._doubt
        try:
            with self._ledger.statement() as connection:
                recorded = batches.record(
                    connection, self._claim.lease, write.answers, write.advance_to, write.renew_seconds
                )
        except LedgerUnavailableError as error:
            log.warning(
                "the ledger does not answer: answers are kept",
                error=error.detail,
                answers=len(write.answers),
                **self._claim.ids,
            )
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            return None
        self._doubt = None
        self._wrote_at = time.monotonic()
        if write.renew_seconds is not None:
            self._clock.renewed(write.began)
        self._count(write.answers)
        return recorded

    def close(self) -> bool:
        """Closes the batch with the last answers. False while the ledger does not answer. Raises LeaseLostError."""
        return self._end(None)

    def release(self, delay_seconds: float) -> bool:
        """Gives the batch back with the last answers, due after the delay. Otherwise like `close`."""
        return self._end(delay_seconds)

    def _end(self, release_after: float | None) -> bool:
        if self._doubt is not None and self.write() is None:
            return False
        lease = self._claim.lease
        writes = lease.writes
        try:
            with self._ledger.transaction() as connection:
                if release_after is None:
                    batches.close(connection, lease, self.answers)
                else:
                    batches.release(connection, lease, self.answers, release_after)
        except LedgerUnavailableError as error:
            log.warning("the ledger does not answer: the batch stays open", error=error.detail, **self._claim.ids)
            lease.writes = writes  # the transaction is repeated as a whole
            return False
        self._count(self.answers)
        return True

    def _count(self, answers: Answers) -> None:
        app, priority = str(self._claim.app.id), self._claim.campaign.priority
        outcomes = answers.outcomes()
        self.outcomes.update(outcomes)
        for outcome, count in outcomes.items():
            if count:
                metrics.push_messages.labels(app, priority, outcome).inc(count)
        for code, count in answers.errors().items():
            metrics.push_errors.labels(app, code_label(code)).inc(count)

"""Retries are decided here and nowhere else, from what is known of a device's last send."""

import random
from enum import IntEnum

from fanfare_shared.contracts.words import DeliveryGuarantee, Outcome

# FCM asks for exponential backoff from at least 10 s
# (https://firebase.google.com/docs/cloud-messaging/scale-fcm#handling-retries).
_FIRST_BACKOFF_SECONDS = 10
_LONGEST_BACKOFF_SECONDS = 600


class RetryKind(IntEnum):
    """Why a position waits for a follow-up. Stored in `batches.retry_kinds`.

    COUNTED: answered, and not accepted for certain; the attempt counts.
    AMBIGUOUS: it may have been accepted; the attempt counts.
    DEFERRED: nothing was decided (429, not sent, the payload's verdict awaited); no attempt counts.
    LOST: its worker died before it could say; ambiguous, and no attempt counts.
    """

    COUNTED = 0
    AMBIGUOUS = 1
    DEFERRED = 2
    LOST = 3

    @property
    def counts(self) -> bool:
        return self in {RetryKind.COUNTED, RetryKind.AMBIGUOUS}


def after_definite_error(attempt: int, max_attempts: int) -> RetryKind | Outcome:
    """After an answer that says the message was not accepted, and may be later."""
    return RetryKind.COUNTED if attempt < max_attempts else Outcome.FAILED


def after_ambiguous_send(attempt: int, max_attempts: int, guarantee: str) -> RetryKind | Outcome:
    """After a send that may have been accepted. Never sent again under at-most-once."""
    if guarantee == DeliveryGuarantee.AT_MOST_ONCE or attempt >= max_attempts:
        return Outcome.UNKNOWN
    return RetryKind.AMBIGUOUS


def follow_up_is_ambiguous(kind: RetryKind, batch_is_ambiguous: bool) -> bool:
    """Whether the follow-up's devices may have been sent to: a send that decided nothing leaves that as it was."""
    if kind is RetryKind.DEFERRED:
        return batch_is_ambiguous
    return kind in {RetryKind.AMBIGUOUS, RetryKind.LOST}


def follow_up_delay(kind: RetryKind, attempt: int, retry_after: float) -> float:
    """Seconds until a follow-up is due: what the server asked for; where attempts count, jittered backoff at the least."""
    if not kind.counts:
        return retry_after
    backoff = min(_FIRST_BACKOFF_SECONDS * 2.0 ** (attempt - 1), _LONGEST_BACKOFF_SECONDS)
    return max(retry_after, backoff) * random.uniform(1.0, 1.5)

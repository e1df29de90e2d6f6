"""The legal transitions of a bulk job: one table, from which the api's answers and the ledger's guards are read."""

from enum import StrEnum

from fanfare_shared.contracts.words import JobStatus as S
from fanfare_shared.errors import IllegalTransitionError


class Action(StrEnum):
    """What can happen to a bulk job; the first eight by a caller, the rest by the fleet itself. Drafts are campaigns only."""

    EDIT = "edit"
    DELETE = "delete"
    TEST = "test"
    SEND = "send"
    SCHEDULE = "schedule"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    START = "start"
    FAIL = "fail"
    COMPLETE = "complete"
    FINISH_CANCELLING = "finish_cancelling"


# FINISH_CANCELLING ends as the job's `final_status` says: cancelled or failed. COMPLETE of a paused job is its expiry.
# RESUME of one that was paused (LEDGER_IMBALANCE) while it was CANCELLING goes back to that: `final_status` tells.
TRANSITIONS: dict[Action, dict[S, S]] = {
    Action.EDIT: {S.DRAFT: S.DRAFT, S.SCHEDULED: S.SCHEDULED},
    Action.DELETE: {status: status for status in (S.DRAFT, S.CANCELLED, S.COMPLETED, S.FAILED)},
    Action.TEST: {S.DRAFT: S.DRAFT, S.SCHEDULED: S.SCHEDULED, S.PROCESSING: S.PROCESSING, S.PAUSED: S.PAUSED},
    Action.SEND: {S.DRAFT: S.PROCESSING, S.SCHEDULED: S.PROCESSING},
    Action.SCHEDULE: {S.DRAFT: S.SCHEDULED, S.SCHEDULED: S.SCHEDULED},
    Action.PAUSE: {S.PROCESSING: S.PAUSED},
    Action.RESUME: {S.PAUSED: S.PROCESSING},
    Action.CANCEL: {
        S.DRAFT: S.CANCELLED,
        S.SCHEDULED: S.CANCELLED,
        S.PROCESSING: S.CANCELLING,
        S.PAUSED: S.CANCELLING,
    },
    Action.START: {S.SCHEDULED: S.PROCESSING},
    Action.FAIL: {S.PROCESSING: S.CANCELLING, S.PAUSED: S.CANCELLING},
    Action.COMPLETE: {S.PROCESSING: S.COMPLETED, S.PAUSED: S.COMPLETED},
    Action.FINISH_CANCELLING: {S.CANCELLING: S.CANCELLED},
}


def allowed_from(action: Action) -> tuple[S, ...]:
    """The statuses in which `action` is legal, for a statement's guard."""
    return tuple(TRANSITIONS[action])


def next_status(action: Action, status: str, noun: str = "job") -> S:
    """The status after `action`. Raises IllegalTransitionError, carrying the present status, where it is not legal; its
    text calls the job `noun`.
    """
    try:
        return TRANSITIONS[action][S(status)]
    except KeyError:
        legal = ", ".join(allowed_from(action))
        raise IllegalTransitionError(
            f"This {noun} is {status} and cannot be {_PARTICIPLES.get(action, action)}; it must be: {legal}",
            status_now=str(status),
        ) from None


_PARTICIPLES = {
    Action.EDIT: "edited",
    Action.DELETE: "deleted",
    Action.TEST: "tested",
    Action.SEND: "sent",
    Action.SCHEDULE: "scheduled",
    Action.PAUSE: "paused",
    Action.RESUME: "resumed",
    Action.CANCEL: "cancelled",
}

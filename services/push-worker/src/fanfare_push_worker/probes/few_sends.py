"""Sending a handful of messages, waiting for every answer."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from fanfare_push_worker.credentials import AccessTokens
from fanfare_push_worker.process import SendingProcess
from fanfare_push_worker.transport import Target
from fanfare_shared.campaigns.rows import AppRow
from fanfare_shared.errors import CredentialsUnusableError, QuotaUnavailableError
from fanfare_shared.fcm.answers import Answer, AnswerClass, classify, message_id

_QUOTA_SECONDS = 5.0
_TOKEN_SECONDS = 15.0
_TURN_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Reply:
    """A 200's message id, or what went wrong."""

    message_id: str = ""
    error: Answer | None = None


class _Replies:
    def __init__(self, tokens: AccessTokens) -> None:
        self._tokens = tokens
        self.by_tag: dict[int, Reply] = {}
        self.refusal: CredentialsUnusableError | None = None

    def answered(self, tag: int, status: int, body: bytes, retry_after: int, generation: int) -> None:  # noqa: ARG002 - a Receiver's
        error = classify(status, body) if status != 200 else None
        self.by_tag[tag] = Reply(message_id(body)) if error is None else Reply(error=error)
        if error is None or error.kind is not AnswerClass.UNAUTHENTICATED:
            self._tokens.prove(generation)
            return
        try:
            self._tokens.reject(generation)
        except CredentialsUnusableError as refusal:
            self.refusal = refusal  # not raised from here: the transport has other answers to hand out

    def failed(self, tag: int, code: int, *, began: bool) -> None:
        kind = AnswerClass.AMBIGUOUS if began else AnswerClass.UNAVAILABLE
        self.by_tag[tag] = Reply(error=Answer(kind, f"CURL_{code}", "FCM cannot be reached, or did not answer"))


def send_few(process: SendingProcess, app: AppRow, bodies: Sequence[bytes]) -> list[Reply]:
    """The reply to each body, in order. Draws from the project's quota as `high`.

    Raises CredentialsUnusableError, TokenEndpointUnavailableError, and QuotaUnavailableError where the quota or the
    breaker has no room.
    """
    tokens = process.tokens(app)
    replies = _Replies(tokens)
    for number, body in enumerate(bodies):
        token = tokens.wait(_TOKEN_SECONDS)
        _wait_for_quota(process, app)
        process.transport.start(Target(process.url(app), token.authorization, token.generation), body, replies, number)
        process.transport.turn(0)
    while len(replies.by_tag) < len(bodies):
        process.transport.turn(_TURN_SECONDS)
    if replies.refusal is not None:
        raise replies.refusal
    return [replies.by_tag[number] for number in range(len(bodies))]


def _wait_for_quota(process: SendingProcess, app: AppRow) -> None:
    deadline = time.monotonic() + _QUOTA_SECONDS
    while True:
        draw = process.quota.draw(app, None, 1)
        if draw.count:
            return
        if draw.is_paused or time.monotonic() + draw.wait > deadline:
            raise QuotaUnavailableError(f"The project's quota has no room for {draw.wait:.0f} s")
        time.sleep(draw.wait)

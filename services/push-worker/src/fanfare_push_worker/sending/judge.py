"""What an answer means for its device, its batch and its campaign, by the class of the answer."""

from dataclasses import dataclass

from fanfare_push_worker.breaker import Breaker
from fanfare_push_worker.credentials import AccessTokens
from fanfare_push_worker.sending.recorder import Recorder
from fanfare_push_worker.sending.sender_check import SenderCheck
from fanfare_push_worker.sending.stop import CampaignFault, Stop
from fanfare_push_worker.transport import ABORTED
from fanfare_shared.campaigns.answers import Answers
from fanfare_shared.campaigns.retries import RetryKind, after_ambiguous_send, after_definite_error
from fanfare_shared.campaigns.rows import Claim, DeviceRow
from fanfare_shared.contracts.words import Outcome
from fanfare_shared.crypto import token_digest
from fanfare_shared.errors import CredentialsUnusableError
from fanfare_shared.fcm.answers import Answer, AnswerClass, classify, message_id

_VERDICT_SECONDS = 2.0
_LONGEST_VERDICT_SECONDS = 60.0

_OUTCOMES = {
    AnswerClass.DEAD_TOKEN: Outcome.INVALID_TOKEN,
    AnswerClass.OTHER_SENDER: Outcome.FAILED,
    # Said aloud by the alert on this error code: the app's APNs credential has to be renewed.
    AnswerClass.THIRD_PARTY_AUTH: Outcome.FAILED,
}


@dataclass(slots=True)
class Findings:
    """What the loop has to act on, for an answer arrives in the middle of libcurl's work."""

    stop: Stop | None = None
    asks_for_verdict: bool = False

    def halt(self, stop: Stop) -> None:
        if stop.outranks(self.stop):
            self.stop = stop


class Judge:
    """Receives a batch's answers; a request's tag is its position. `in_flight` counts the batch's own requests."""

    def __init__(
        self,
        claim: Claim,
        devices: list[DeviceRow],
        recorder: Recorder,
        tokens: AccessTokens,
        breaker: Breaker,
        sender_check: SenderCheck,
        max_attempts: int,
    ) -> None:
        self._claim = claim
        self._devices = devices
        self._recorder = recorder
        self._tokens = tokens
        self._breaker = breaker
        self._sender_check = sender_check
        self._max_attempts = max_attempts
        self._accepted_generation = 0
        self.sent_at = [0.0] * claim.size
        self.in_flight = 0
        self.findings = Findings()

    def answered(self, tag: int, status: int, body: bytes, retry_after: int, generation: int) -> None:
        self.in_flight -= 1
        if status == 200:
            device = self._device(tag)
            self._recorder.answers.accept(device.id, device.user_id, device.platform, message_id(body))
            if generation != self._accepted_generation:
                self._first_accept(generation)
            return
        self._breaker.reached(self._claim.app)
        answer = classify(status, body)
        if answer.kind is not AnswerClass.UNAUTHENTICATED:
            self._tokens.prove(generation)
        self._judge(tag, answer, retry_after, generation)

    def failed(self, tag: int, code: int, *, began: bool) -> None:
        self.in_flight -= 1
        if began:
            self._ambiguous(tag, f"CURL_{code}", "No answer came; FCM may have accepted the message", 0)
            return
        self._answers.retry(tag, RetryKind.DEFERRED, 1)
        if self.findings.stop is None and code != ABORTED:
            seconds = self._breaker.unreachable(self._claim.app, "FCM_UNREACHABLE")
            self.findings.halt(Stop("FCM_UNREACHABLE", delay=seconds))

    def gone(self, position: int) -> None:
        """The device of this position was deleted or deactivated since planning. Nothing is sent."""
        outcome = Outcome.UNKNOWN if self._claim.ambiguous else Outcome.INVALID_TOKEN
        device = self._device(position)
        message = "The device was removed or deactivated before the send"
        self._answers.settle(device.id, device.user_id, device.platform, outcome, "DEVICE_GONE", message)

    def _first_accept(self, generation: int) -> None:
        """The first in this batch, or with this access token: all is well with project, token and sender."""
        self._accepted_generation = generation
        self._breaker.reached(self._claim.app)
        self._tokens.prove(generation)
        self._sender_check.accepted()

    @property
    def _answers(self) -> Answers:
        return self._recorder.answers

    def _device(self, position: int) -> DeviceRow:
        return self._devices[position]

    def _judge(self, position: int, answer: Answer, retry_after: int, generation: int) -> None:
        kind = answer.kind
        if not self._sender_check.is_over and self._sender_check.refused(is_mismatch=kind is AnswerClass.OTHER_SENDER):
            message = "None of the first 100 devices could be sent to: their tokens belong to another sender"
            self.findings.halt(Stop("SENDER_ID_MISMATCH", message, fault=CampaignFault.PAUSE))
        if kind in _OUTCOMES:
            self._settle(position, _OUTCOMES[kind], answer.code, answer.message)
            return
        match kind:
            case AnswerClass.TOKEN_OR_PAYLOAD:
                self._token_or_payload(position, answer)
            case AnswerClass.BAD_PAYLOAD:
                self._halt_campaign(position, CampaignFault.FAIL, answer)
            case AnswerClass.UNAUTHENTICATED:
                self._unauthenticated(position, answer, generation)
            case AnswerClass.QUOTA_EXCEEDED:
                self._quota_exceeded(position, retry_after)
            case AnswerClass.UNAVAILABLE:
                decision = after_definite_error(self._claim.lease.attempt, self._max_attempts)
                self._retry_or_settle(position, decision, answer.code, answer.message, retry_after)
            case AnswerClass.AMBIGUOUS:
                self._ambiguous(position, answer.code, answer.message, retry_after)
            case _:
                self._halt_campaign(position, CampaignFault.PAUSE, answer)

    def _ambiguous(self, position: int, code: str, message: str, retry_after: int) -> None:
        decision = after_ambiguous_send(self._claim.lease.attempt, self._max_attempts, self._claim.campaign.delivery)
        self._retry_or_settle(position, decision, code, message, retry_after)

    def _retry_or_settle(
        self, position: int, decision: RetryKind | Outcome, code: str, message: str, retry_after: int
    ) -> None:
        if isinstance(decision, RetryKind):
            self._answers.retry(position, decision, retry_after)
        else:
            self._settle(position, decision, code, message)

    def _settle(self, position: int, outcome: Outcome, code: str, message: str) -> None:
        device = self._device(position)
        digest = token_digest(device.token) if outcome is Outcome.INVALID_TOKEN else None
        self._answers.settle(
            device.id,
            device.user_id,
            device.platform,
            outcome,
            code,
            message,
            digest=digest,
            started=self.sent_at[position],
        )

    def _token_or_payload(self, position: int, answer: Answer) -> None:
        match self._claim.campaign.payload_verdict:
            case "ok":
                self._settle(position, Outcome.INVALID_TOKEN, answer.code, answer.message)
            case "bad":
                self._halt_campaign(position, CampaignFault.FAIL, answer)
            case _:
                self._answers.retry(position, RetryKind.DEFERRED, self._verdict_wait)
                self.findings.asks_for_verdict = True

    @property
    def _verdict_wait(self) -> float:
        """Seconds until a device that waits for the payload's verdict is sent to again, which costs quota each time:
        as long as the verdict has been waited for already, so that the waits double.
        """
        return min(max(_VERDICT_SECONDS, self._claim.campaign.verdict_asked_seconds), _LONGEST_VERDICT_SECONDS)

    def _halt_campaign(self, position: int, fault: CampaignFault, answer: Answer) -> None:
        self._answers.retry(position, RetryKind.DEFERRED)
        self.findings.halt(Stop(answer.code, answer.message, fault=fault))

    def _quota_exceeded(self, position: int, retry_after: int) -> None:
        self._answers.retry(position, RetryKind.DEFERRED, retry_after)
        if self.findings.stop is None:
            seconds = self._breaker.quota_exceeded(self._claim.app, retry_after)
            self.findings.halt(Stop("QUOTA_EXCEEDED", delay=seconds))

    def _unauthenticated(self, position: int, answer: Answer, generation: int) -> None:
        self._answers.retry(position, RetryKind.DEFERRED)
        try:
            self._tokens.reject(generation)
        except CredentialsUnusableError as error:
            message = f"{error.detail}: {answer.message}"
            self.findings.halt(Stop(answer.code, message, fault=CampaignFault.PAUSE))

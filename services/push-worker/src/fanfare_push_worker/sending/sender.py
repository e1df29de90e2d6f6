"""One batch's sending: chunk by chunk quota, journal, send, while earlier chunks are answered.

A chunk is journalled only when the window has room for all of it, and sent at once, so what may be sent twice after a
kill is never more than the window. Nothing is sent without a lease that outlasts the request's time-out.
"""

import time
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from fanfare_push_worker.breaker import Breaker
from fanfare_push_worker.credentials import AccessToken, AccessTokens
from fanfare_push_worker.quota.quota import Draw, Quota
from fanfare_push_worker.sending.campaign_faults import CampaignFaults
from fanfare_push_worker.sending.judge import Judge
from fanfare_push_worker.sending.lease_clock import LeaseClock
from fanfare_push_worker.sending.recorder import Recorder
from fanfare_push_worker.sending.stop import CampaignFault, Stop
from fanfare_push_worker.transport import Target, Transport
from fanfare_shared import metrics, tracing
from fanfare_shared.campaigns.retries import RetryKind
from fanfare_shared.campaigns.rows import Claim, DeviceRow, Recorded
from fanfare_shared.errors import CredentialsUnusableError, TokenEndpointUnavailableError
from fanfare_shared.fcm.message import EncodedMessage
from fanfare_shared.logs import get_logger
from fanfare_shared.worker.stop_flag import StopFlag

LONGEST_TURN_SECONDS = 0.2
"""How long the loop sleeps at most: the stop flag and the lease are looked at this often."""
_IMPATIENT_TURN_SECONDS = 0.05
_LEDGER_RETRY_SECONDS = 0.5
_LEDGER_GONE_LEASES = 5
"""While the ledger does not answer, a batch's end is tried to be written for so many times its lease."""
_PATIENCE_SECONDS = 180.0
"""A batch that is not through by then is given back, well before Celery's soft time limit."""

log = get_logger(__name__)


class Ending(StrEnum):
    """How it went with a batch."""

    CLOSED = "closed"
    RELEASED = "released"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Limits:
    """`window`: requests in flight; `chunk`: devices a journal write covers; `timeout`: seconds a request may take."""

    window: int
    chunk: int
    timeout: float


class Sender:
    """Sends one claimed batch, a step at a time, so that the next one can begin while this one is still answered."""

    def __init__(
        self,
        claim: Claim,
        devices: list[DeviceRow],
        message: EncodedMessage,
        url: str,
        limits: Limits,
        clock: LeaseClock,
        recorder: Recorder,
        judge: Judge,
        transport: Transport,
        quota: Quota,
        tokens: AccessTokens,
        breaker: Breaker,
        faults: CampaignFaults,
        stop_flag: StopFlag,
    ) -> None:
        self._span = tracing.begin("send batch", **claim.ids, size=claim.size, started=claim.started)
        self._claim = claim
        self._devices = devices
        self._message = message
        self._url = url
        self._limits = limits
        self._clock = clock
        self._recorder = recorder
        self._judge = judge
        self._transport = transport
        self._quota = quota
        self._tokens = tokens
        self._breaker = breaker
        self._faults = faults
        self._stop_flag = stop_flag
        self._began = time.monotonic()
        self._sent = self._journalled = claim.started
        self._generation = 0
        self._not_before = 0.0
        self._waiting_since: float | None = None
        self._finish_not_before = 0.0
        self._give_up_at: float | None = None
        self._fault_applied = False
        self._verdict_asked = False

    @property
    def ids(self) -> dict[str, str | int]:
        return self._claim.ids

    @property
    def has_more(self) -> bool:
        """Whether there is something left to start."""
        return self._sent < self._claim.size and self._judge.findings.stop is None

    @property
    def is_drained(self) -> bool:
        """Whether only the batch's end is left to write."""
        return not self.has_more and not self._judge.in_flight

    @property
    def is_stopped(self) -> bool:
        return self._judge.findings.stop is not None

    @property
    def exposed(self) -> int:
        """Devices that would be sent to again if this process were killed now."""
        return self._judge.in_flight + self._recorder.unrecorded

    def halt_if_lapsed(self) -> bool:
        """Whether the lease has just been found lapsed on this process's clock: then the sockets are to be closed.

        What is known may still be written afterwards, if nobody claimed the batch since: the epoch tells.
        """
        if self.is_stopped or not self._clock.has_lapsed:
            return False
        self._judge.findings.halt(Stop("LEASE_LAPSED"))
        return True

    def step(self, exposed_elsewhere: int) -> None:
        """Starts a chunk if it may, and writes what is due. `exposed_elsewhere`: what other batches take of the window.

        Raises LeaseLostError.
        """
        self._look_around()
        if self.has_more:
            self._start_chunk(exposed_elsewhere)
        if self._recorder.is_due(self._judge.in_flight):
            self._write()

    def make_room(self) -> None:
        """Records what was answered, so that it takes nothing of the window any more. Raises LeaseLostError."""
        if self._recorder.unrecorded >= self._limits.chunk and not self._recorder.is_in_doubt:
            self._write()

    def finish(self) -> Ending | None:
        """Closes the batch or gives it back; None while the ledger does not answer. Raises LeaseLostError."""
        now = time.monotonic()
        if now < self._finish_not_before:
            return None
        self._finish_not_before = now + _LEDGER_RETRY_SECONDS
        self._give_up_at = self._give_up_at or now + _LEDGER_GONE_LEASES * self._clock.seconds
        if now > self._give_up_at:
            log.error("the ledger did not answer: what was not recorded may be sent again", **self._claim.ids)
            return Ending.LOST
        self._look_around()
        return self._end()

    def tell(self, ending: Ending) -> None:
        """How it went, in the log and in the trace. Once, when the batch is this process's no more."""
        stop = self._judge.findings.stop
        told = {
            "ending": ending.value,
            "stop": stop.code if stop else "",
            "seconds": round(time.monotonic() - self._began, 4),
            **{outcome: count for outcome, count in self._recorder.outcomes.items() if count},
        }
        log.info("batch ended", size=self._claim.size, **self._claim.ids, **told)
        self._span.set(**told)
        self._span.end()

    def _end(self) -> Ending | None:
        if self._recorder.is_in_doubt and self._write() is None:
            return None
        for position in range(self._sent, self._journalled):
            self._recorder.answers.retry(position, RetryKind.DEFERRED)
        self._sent = max(self._sent, self._journalled)
        if self._sent == self._claim.size:
            if not self._recorder.close():
                return None
            metrics.push_batch_duration.observe(time.monotonic() - self._began)
            return Ending.CLOSED
        stop = self._judge.findings.stop
        return Ending.RELEASED if self._recorder.release(stop.delay if stop else 0.0) else None

    def _look_around(self) -> None:
        findings = self._judge.findings
        if self._stop_flag.is_set:
            findings.halt(Stop("SHUTDOWN"))
        elif time.monotonic() - self._began > _PATIENCE_SECONDS:
            findings.halt(Stop("PATIENCE"))
        if findings.asks_for_verdict and not self._verdict_asked:
            self._verdict_asked = True
            self._faults.ask_for_verdict(self._claim)
        if findings.stop is not None and findings.stop.fault is not None and not self._fault_applied:
            self._fault_applied = True
            self._faults.apply(self._claim, findings.stop)

    def _start_chunk(self, exposed_elsewhere: int) -> None:
        """Quota, journal, send; or nothing, where one of them is not to be had right now."""
        now = time.monotonic()
        self._not_before = max(self._not_before, now + self._transport.rest)
        if now < self._not_before or self._recorder.is_in_doubt or not self._lease_outlasts_a_request:
            return
        if not self._has_room(exposed_elsewhere):
            return
        target = self._current_target()
        if target is None:
            return
        end = min(self._sent + self._limits.chunk, self._claim.size)
        sendable = [position for position in range(self._sent, end) if self._devices[position].token]
        valid_until = now + LONGEST_TURN_SECONDS
        if sendable:
            draw = self._draw(len(sendable), now)
            if not draw.count:
                return
            valid_until = draw.valid_until
            if draw.count < len(sendable):
                end = sendable[draw.count - 1] + 1
        recorded = self._write(advance_to=end)
        if recorded is None or not recorded.may_send or not self._lease_outlasts_a_request:
            return
        if time.monotonic() < valid_until:
            self._send(end, target)

    @property
    def _lease_outlasts_a_request(self) -> bool:
        return self._clock.left > self._limits.timeout

    def _current_target(self) -> Target | None:
        findings = self._judge.findings
        try:
            token = self._tokens.current()
        except CredentialsUnusableError as error:
            findings.halt(Stop(error.code, error.detail, fault=CampaignFault.PAUSE))
            return None
        except TokenEndpointUnavailableError as error:
            findings.halt(Stop(error.code, delay=self._breaker.unreachable(self._claim.app, error.code)))
            return None
        self._generation = token.generation if token is not None else 0
        return _target(self._url, token) if token is not None else None

    def _draw(self, want: int, now: float) -> Draw:
        draw = self._quota.draw(self._claim.app, self._claim.campaign, want)
        if draw.is_paused:
            self._judge.findings.halt(Stop("BREAKER", delay=draw.wait))
        elif not draw.count:
            self._not_before = now + draw.wait
            self._waiting_since = self._waiting_since or now
        else:
            metrics.push_quota_wait.observe(now - (self._waiting_since or now))
            self._waiting_since = None
        return draw

    def _write(self, advance_to: int = 0) -> Recorded | None:
        recorded = self._recorder.write(advance_to)
        if recorded is not None:
            self._journalled = recorded.started
            if not recorded.may_send:
                self._judge.findings.halt(Stop("CAMPAIGN_STOPPED"))
                # A connection may take longer to be made than a stopped campaign may go on sending.
                self._transport.withdraw(self._judge)
        return recorded

    def _send(self, end: int, target: Target) -> None:
        judge, transport, devices, body = self._judge, self._transport, self._devices, self._message.to
        first, self._sent = self._sent, end
        judge.sent_at[first:end] = [time.monotonic()] * (end - first)
        for position in range(first, end):
            device = devices[position]
            if device.token:
                judge.in_flight += 1
                transport.start(target, body(device.token), judge, position)
            else:
                judge.gone(position)

    def longest_turn(self, exposed_elsewhere: int) -> float:
        """How many seconds may pass before the next step, unless something is answered."""
        if not self.has_more:
            return LONGEST_TURN_SECONDS
        now = time.monotonic()
        if now < self._not_before:
            return min(LONGEST_TURN_SECONDS, self._not_before - now)
        if self._recorder.is_in_doubt or self._generation == 0:
            return _IMPATIENT_TURN_SECONDS
        return 0.0 if self._has_room(exposed_elsewhere) else LONGEST_TURN_SECONDS

    def _has_room(self, exposed_elsewhere: int) -> bool:
        """Room for a whole chunk. What this batch's own answers take of the window, its write frees."""
        chunk = min(self._limits.chunk, self._claim.size - self._sent)
        return exposed_elsewhere + self._judge.in_flight + chunk <= self._limits.window


@lru_cache(maxsize=64)
def _target(url: str, token: AccessToken) -> Target:
    """The same object for the same token, by which the transport knows that a handle need not be set up again."""
    return Target(url, token.authorization, token.generation)

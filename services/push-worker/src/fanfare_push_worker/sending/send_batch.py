"""From a batch's id to its ending."""

import time

import structlog

from fanfare_push_worker.message import push_message
from fanfare_push_worker.process import SendingProcess
from fanfare_push_worker.sending.judge import Judge
from fanfare_push_worker.sending.lease_clock import LeaseClock
from fanfare_push_worker.sending.line import Line
from fanfare_push_worker.sending.recorder import Recorder
from fanfare_push_worker.sending.sender import Limits, Sender
from fanfare_push_worker.sending.settle_hints import SettleHints
from fanfare_push_worker.sending.stop import CampaignFault, Stop
from fanfare_shared.campaigns import batches
from fanfare_shared.campaigns.answers import Answers
from fanfare_shared.campaigns.rows import Claim
from fanfare_shared.errors import CredentialsUnusableError, LeaseLostError, LedgerUnavailableError
from fanfare_shared.fcm.message import encode
from fanfare_shared.logs import get_logger

log = get_logger(__name__)


def send_batch(process: SendingProcess, batch_id: int) -> None:
    """Claims the batch and sends it, and for a while the next ones of its campaign. Nothing where it cannot be claimed.

    Raises LedgerUnavailableError where the ledger does not answer a claim.
    """
    first = _claim(process, batch_id)
    if first is None:
        return
    claim, began = first
    with structlog.contextvars.bound_contextvars(epoch=claim.lease.epoch):
        _send_line(process, claim, began)


def _send_line(process: SendingProcess, claim: Claim, began: float) -> None:
    settle = SettleHints(process.publisher, claim.campaign.id)
    try:
        sender = _make_sender(process, claim, began)
        if sender is not None:
            Line(process.transport, lambda: _take_next(process, claim), settle.batch_ended).run(sender)
    except LeaseLostError as error:
        log.warning("lease lost before the first request", error=error.detail)
    finally:
        settle.flush()


def _claim(process: SendingProcess, batch_id: int | None, after: Claim | None = None) -> tuple[Claim, float] | None:
    """Claims the batch; or, `after` a claim, a published one of the same campaign."""
    began = time.monotonic()
    seconds = process.settings.push_lease_seconds
    with process.ledger.transaction() as connection:
        if after is not None:
            batch_id = batches.lock_published(connection, after.app.id, after.campaign.id)
        if batch_id is None:
            return None
        claim = batches.claim(connection, batch_id, process.name, seconds)
    return (claim, began) if claim is not None else None


def _take_next(process: SendingProcess, previous: Claim) -> Sender | None:
    try:
        taken = _claim(process, None, after=previous)
        return _make_sender(process, *taken) if taken is not None else None
    except LedgerUnavailableError as error:
        log.warning("no next batch: the ledger does not answer", error=error.detail)
        return None


def _make_sender(process: SendingProcess, claim: Claim, began: float) -> Sender | None:
    """None where the batch had to be given back at once. Raises LedgerUnavailableError."""
    if claim.app.pause_seconds > 0:
        _give_back(process, claim, Stop("BREAKER", delay=claim.app.pause_seconds))
        return None
    try:
        tokens = process.tokens(claim.app)
    except CredentialsUnusableError as error:
        _give_back(process, claim, Stop(error.code, error.detail, fault=CampaignFault.PAUSE))
        return None
    with process.ledger.statement() as connection:
        devices = batches.load_devices(connection, claim.device_ids)
    settings = process.settings
    clock = LeaseClock(began, settings.push_lease_seconds)
    recorder = Recorder(process.ledger, claim, clock)
    judge = Judge(
        claim,
        devices,
        recorder,
        tokens,
        process.breaker,
        process.sender_checks.of(claim.campaign.id),
        settings.push_max_attempts,
    )
    return Sender(
        claim,
        devices,
        encode(push_message(claim.campaign), time.time(), validate_only=claim.campaign.dry_run),
        process.url(claim.app),
        Limits(settings.push_window, settings.chunk_size, settings.push_timeout_seconds),
        clock,
        recorder,
        judge,
        process.transport,
        process.quota,
        tokens,
        process.breaker,
        process.faults,
        process.stop_flag,
    )


def _give_back(process: SendingProcess, claim: Claim, stop: Stop) -> None:
    if stop.fault is not None:
        process.faults.apply(claim, stop)
    with process.ledger.transaction() as connection:
        batches.release(connection, claim.lease, Answers(), max(0.0, stop.delay))

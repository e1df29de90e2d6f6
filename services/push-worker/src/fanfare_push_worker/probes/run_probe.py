"""Claiming a probe, doing it, and writing what came of it."""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from fanfare_push_worker.message import push_message
from fanfare_push_worker.probes.few_sends import Reply, send_few
from fanfare_push_worker.process import SendingProcess
from fanfare_shared.bulk.faults import fail_job, pause_job
from fanfare_shared.campaigns.batches import load_devices
from fanfare_shared.campaigns.claims import read_app, read_campaign
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.campaigns.rows import AppRow, CampaignRow
from fanfare_shared.contracts.messages import SettleCampaign
from fanfare_shared.contracts.words import JobStatus, Priority, TaskStatus
from fanfare_shared.errors import CredentialsUnusableError, FanfareError, LedgerUnavailableError, UnavailableError
from fanfare_shared.fcm.answers import Answer, AnswerClass
from fanfare_shared.fcm.message import PushMessage, encode
from fanfare_shared.logs import get_logger

TOPIC = "fanfare-check"
"""Nobody subscribes to it, and `validate_only` sends reach nobody anyway."""
LEASE_SECONDS = 60
_MAX_ATTEMPTS = 5
_RETRY_SECONDS = 2
_LONGEST_RETRY_SECONDS = 60
_RETRIED = {AnswerClass.UNAVAILABLE, AnswerClass.AMBIGUOUS, AnswerClass.QUOTA_EXCEEDED, AnswerClass.UNAUTHENTICATED}
_PAYLOAD_IS_BAD = {AnswerClass.BAD_PAYLOAD, AnswerClass.TOKEN_OR_PAYLOAD}

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Probe:
    id: UUID
    kind: str
    attempts: int
    request: dict[str, Any]
    app: AppRow
    campaign: CampaignRow | None


class _AskAgainError(UnavailableError):
    """FCM gave no verdict; the probe is repeated."""

    code, title = "FCM_UNAVAILABLE", "FCM does not answer"


def run_probe(process: SendingProcess, probe_id: UUID) -> None:
    """Does the probe, once at a time; nothing where it is done or another worker has it."""
    probe = _claim(process, probe_id)
    if probe is None:
        return
    try:
        result = _do(process, probe)
    except LedgerUnavailableError:
        raise
    except FanfareError as error:
        _fail(process, probe, error)
        return
    with process.ledger.statement() as connection:
        connection.execute(
            "UPDATE probes SET status = %s, result = %s, error = NULL, due_at = NULL, finished_at = now() WHERE id = %s",
            (TaskStatus.SUCCESS.value, Jsonb(result), probe.id),
        )


def _claim(process: SendingProcess, probe_id: UUID) -> _Probe | None:
    with process.ledger.transaction() as connection:
        with connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(
                """
                UPDATE probes
                SET status = 'STARTED', attempts = attempts + 1, due_at = now() + %s * interval '1 second'
                WHERE id = %s AND (status IN ('PENDING', 'RETRY') OR (status = 'STARTED' AND due_at <= now()))
                RETURNING id, kind, attempts, request, app_id, campaign_id
                """,
                (LEASE_SECONDS, probe_id),
            ).fetchone()
        if row is None:
            return None
        app = read_app(connection, row["app_id"])
        campaign = read_campaign(connection, row["campaign_id"]) if row["campaign_id"] is not None else None
    return _Probe(row["id"], row["kind"], row["attempts"], row["request"], app, campaign)


def _do(process: SendingProcess, probe: _Probe) -> dict[str, Any]:
    if probe.campaign is None:
        return _check_app(process, probe)
    if probe.kind == "campaign_test":
        return _test_campaign(process, probe, probe.campaign)
    return _find_verdict(process, probe, probe.campaign)


def _check_app(process: SendingProcess, probe: _Probe) -> dict[str, Any]:
    message = PushMessage("Fanfare", "check", TOPIC, Priority.NORMAL, 0)
    answer = _validate(process, probe.app, message)
    if answer is not None:
        raise CredentialsUnusableError(f"FCM answered {answer.code}: {answer.message}")
    return {"ok": True}


def _find_verdict(process: SendingProcess, probe: _Probe, campaign: CampaignRow) -> dict[str, Any]:
    if JobStatus(campaign.status).is_final:
        return {"verdict": None}
    try:
        answer = _validate(process, probe.app, push_message(campaign))
    except CredentialsUnusableError as error:
        _pause(process, campaign, error.code, error.detail)
        raise
    if answer is not None and answer.kind not in _PAYLOAD_IS_BAD:
        _pause(process, campaign, answer.code, answer.message)
        raise _AskAgainError(f"FCM answered {answer.code}: {answer.message}")
    verdict = "ok" if answer is None else "bad"
    with process.ledger.transaction() as connection:
        connection.execute("UPDATE campaigns SET payload_verdict = %s WHERE id = %s", (verdict, campaign.id))
        if answer is not None:
            fail_job(connection, CAMPAIGNS, campaign.id, answer.code, answer.message)
    process.publisher.hint([SettleCampaign(campaign_id=campaign.id)])
    return {"verdict": verdict}


def _pause(process: SendingProcess, campaign: CampaignRow, code: str, message: str) -> None:
    """The sender is at fault: there will be no verdict, and so no end of waiting for it, until somebody acts."""
    with process.ledger.transaction() as connection:
        pause_job(connection, CAMPAIGNS, campaign.id, code, message)


def _validate(process: SendingProcess, app: AppRow, message: PushMessage) -> Answer | None:
    """What is wrong with the message, asked of a topic with `validate_only`; None where nothing is."""
    body = encode(message, time.time(), validate_only=True, target="topic").to(TOPIC)
    (reply,) = send_few(process, app, [body])
    if reply.error is not None and reply.error.kind in _RETRIED:
        raise _AskAgainError(f"FCM answered {reply.error.code}: {reply.error.message}")
    return reply.error


def _test_campaign(process: SendingProcess, probe: _Probe, campaign: CampaignRow) -> dict[str, Any]:
    with process.ledger.statement() as connection:
        found = load_devices(connection, probe.request["device_ids"])
    devices = [device for device in found if device.token]
    message = encode(push_message(campaign), time.time(), validate_only=campaign.dry_run)
    replies = send_few(process, probe.app, [message.to(device.token) for device in devices])
    return {
        "devices": [
            {"device_id": device.id, "user_id": device.user_id, "platform": device.platform, **_shown(reply)}
            for device, reply in zip(devices, replies, strict=True)
        ]
    }


def _shown(reply: Reply) -> dict[str, Any]:
    if reply.error is None:
        return {"accepted": True, "message_id": reply.message_id}
    return {"accepted": False, "error_code": reply.error.code, "error_message": reply.error.message}


def _fail(process: SendingProcess, probe: _Probe, error: FanfareError) -> None:
    """Retried with growing pauses; given up after some, but for the verdict, which a campaign's devices wait for."""
    may_retry = probe.kind == "payload_verdict" or (error.retryable and probe.attempts < _MAX_ATTEMPTS)
    status = TaskStatus.RETRY if may_retry else TaskStatus.FAILURE
    delay = min(_RETRY_SECONDS * 2.0 ** min(probe.attempts - 1, 10), _LONGEST_RETRY_SECONDS) if may_retry else None
    log.warning("probe failed", kind=probe.kind, attempt=probe.attempts, code=error.code, again_in_seconds=delay)
    with process.ledger.statement() as connection:
        connection.execute(
            """
            UPDATE probes
            SET status = %s, error = %s, due_at = now() + %s::float8 * interval '1 second',
                finished_at = CASE WHEN %s::float8 IS NULL THEN now() END
            WHERE id = %s
            """,
            (status.value, Jsonb({"code": error.code, "message": error.detail}), delay, delay, probe.id),
        )

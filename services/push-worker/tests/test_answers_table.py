"""Every row of the table of FCM's answers: what a device, its batch and its campaign come to."""

from datetime import datetime, timedelta

import pytest

from fanfare_shared.campaigns.claims import read_app
from fanfare_shared.campaigns.retries import RetryKind
from fanfare_shared.campaigns.rows import AppRow
from fcm_simulator.script import OutcomeName
from harness.push_worker import Worker, shorten_timeout

pytestmark = pytest.mark.usefixtures("clean_ledger")


def script(worker: Worker, outcome: str, **more: object) -> None:
    """The device with `token-1` gets that outcome, all others are accepted."""
    rule = {"outcome": outcome, **more}
    worker.simulator.client.script(tokens={"token-1": [rule]})


def is_paused_for(worker: Worker, seconds: int, since: datetime) -> bool:
    """Whether the project's pause was begun between `since` and now."""
    until, wait = worker.app_row()["paused_until"], timedelta(seconds=seconds)
    return bool(since + wait <= until <= worker.now() + wait)


def app_of(worker: Worker) -> AppRow:
    with worker.ledger.statement() as connection:
        return read_app(connection, worker.world.app_id)


def test_accepted_devices_keep_their_message_id(worker: Worker) -> None:
    worker.campaign(120)
    worker.send()
    rows = worker.deliveries()
    assert {row["status"] for row in rows} == {"accepted"}
    assert len({row["message_id"] for row in rows}) == 120
    assert rows[0]["message_id"].startswith("0:")
    assert worker.batch()["status"] == "closed"
    assert worker.row()["accepted"] == 120
    counts = worker.simulator.client.counts()
    assert (counts.accepted_tokens, counts.duplicate_accepts) == (120, 0)


def test_unregistered_is_an_invalid_token_and_keeps_its_digest(worker: Worker) -> None:
    script(worker, OutcomeName.UNREGISTERED)
    worker.campaign(3)
    worker.send()
    first, second, _ = worker.deliveries()
    assert first["status"] == "accepted"
    assert (second["status"], second["error_code"]) == ("invalid_token", "UNREGISTERED")
    assert second["token_digest"] is not None
    assert worker.row()["invalid_token"] == 1


@pytest.mark.parametrize("outcome", [OutcomeName.INVALID_TOKEN, OutcomeName.INVALID_TOKEN_FIELD])
def test_an_invalid_argument_raises_the_question_once_and_the_device_waits(worker: Worker, outcome: str) -> None:
    script(worker, outcome)
    worker.campaign(3)
    worker.send()
    assert worker.statuses() == ["accepted", "accepted"]
    (follow_up,) = worker.follow_ups()
    assert (follow_up["device_ids"], follow_up["attempt"]) == ([worker.world.device_ids[1]], 1)
    assert worker.row()["payload_verdict"] == "asked"
    (probe,) = worker.rows("SELECT * FROM probes")
    assert (probe["kind"], probe["campaign_id"]) == ("payload_verdict", worker.world.campaign_id)


def test_when_the_payload_is_found_good_the_token_is_invalid(worker: Worker) -> None:
    script(worker, OutcomeName.INVALID_TOKEN)
    worker.campaign(3, payload_verdict="ok")
    worker.send()
    assert worker.statuses() == ["accepted", "invalid_token", "accepted"]


def test_a_violation_outside_the_token_fails_the_campaign(worker: Worker) -> None:
    script(worker, OutcomeName.INVALID_PAYLOAD)
    worker.campaign(3)
    worker.send()
    campaign = worker.row()
    assert (campaign["status"], campaign["final_status"], campaign["error_code"]) == (
        "cancelling",
        "failed",
        "INVALID_ARGUMENT",
    )


def test_sender_id_mismatch_fails_the_device_alone(worker: Worker) -> None:
    script(worker, OutcomeName.SENDER_ID_MISMATCH)
    worker.campaign(3)
    worker.send()
    assert worker.statuses() == ["accepted", "failed", "accepted"]
    assert worker.deliveries()[1]["token_digest"] is None
    assert worker.row()["status"] == "processing"


def test_nobody_accepted_among_the_first_hundred_answers_pauses_the_campaign(worker: Worker) -> None:
    worker.simulator.client.script(mix=["sender_id_mismatch"])
    worker.campaign(300)
    worker.send()
    assert (worker.row()["status"], worker.row()["pause_reason"]) == ("paused", "SENDER_ID_MISMATCH")
    assert 100 <= len(worker.deliveries()) <= 200
    assert worker.batch()["status"] == "ready"


def test_third_party_auth_error_fails_the_device(worker: Worker) -> None:
    script(worker, OutcomeName.THIRD_PARTY_AUTH_ERROR)
    worker.campaign(2)
    worker.send()
    failed = worker.deliveries()[1]
    assert (failed["status"], failed["error_code"]) == ("failed", "THIRD_PARTY_AUTH_ERROR")
    assert worker.row()["errors"] == {"THIRD_PARTY_AUTH_ERROR": 1}


def test_quota_exceeded_opens_the_breaker_for_retry_after_and_counts_no_attempt(worker: Worker) -> None:
    script(worker, OutcomeName.QUOTA_EXCEEDED, retry_after=30)
    worker.campaign(3)
    before = worker.now()
    worker.send()
    (follow_up,) = worker.follow_ups()
    assert (follow_up["attempt"], follow_up["ambiguous"]) == (1, False)
    assert worker.app_row()["pause_reason"] == "QUOTA_EXCEEDED"
    assert is_paused_for(worker, 30, since=before)


def test_quota_exceeded_without_retry_after_pauses_for_a_minute(worker: Worker) -> None:
    script(worker, OutcomeName.QUOTA_EXCEEDED)
    worker.simulator.client.change_script(quota={"per_minute": None})
    worker.campaign(2)
    before = worker.now()
    worker.send()
    assert is_paused_for(worker, 60, since=before)


def test_a_paused_project_gives_the_batch_back_unsent(worker: Worker) -> None:
    worker.campaign(3)
    with worker.ledger.statement() as connection:
        connection.execute("UPDATE apps SET paused_until = now() + interval '1 hour'")
    worker.send()
    batch = worker.batch()
    assert (batch["status"], batch["started"]) == ("ready", 0)
    assert worker.simulator.client.counts().received == 0


def test_unavailable_is_retried_and_was_not_ambiguous(worker: Worker) -> None:
    script(worker, OutcomeName.UNAVAILABLE, retry_after=40)
    worker.campaign(3)
    before = worker.now()
    worker.send()
    (follow_up,) = worker.follow_ups()
    assert (follow_up["attempt"], follow_up["ambiguous"]) == (2, False)
    assert follow_up["due_at"] >= before + timedelta(seconds=40)


@pytest.mark.parametrize("outcome", [OutcomeName.INTERNAL, OutcomeName.BAD_GATEWAY, OutcomeName.DEADLINE_EXCEEDED])
def test_a_broken_server_is_ambiguous_and_retried(worker: Worker, outcome: str) -> None:
    script(worker, outcome)
    worker.campaign(3)
    worker.send()
    (follow_up,) = worker.follow_ups()
    assert (follow_up["attempt"], follow_up["ambiguous"]) == (2, True)


@pytest.mark.parametrize(
    "outcome", [OutcomeName.INTERNAL, OutcomeName.BAD_GATEWAY, OutcomeName.DEADLINE_EXCEEDED, OutcomeName.TIME_OUT]
)
def test_what_is_ambiguous_is_unknown_under_at_most_once(worker: Worker, outcome: str) -> None:
    script(worker, outcome)
    shorten_timeout(worker.process)
    worker.campaign(3, delivery="at_most_once")
    worker.send()
    assert worker.statuses() == ["accepted", "unknown", "accepted"]
    assert worker.follow_ups() == []


def test_accept_then_time_out_is_ambiguous(worker: Worker) -> None:
    script(worker, OutcomeName.ACCEPT_THEN_TIME_OUT)
    shorten_timeout(worker.process)
    worker.campaign(3)
    worker.send()
    (follow_up,) = worker.follow_ups()
    assert (follow_up["device_ids"], follow_up["ambiguous"]) == ([worker.world.device_ids[1]], True)
    assert worker.simulator.client.token("token-1").received == 1


def test_after_the_last_attempt_a_definite_answer_is_failed_and_an_ambiguous_one_unknown(worker: Worker) -> None:
    worker.simulator.client.script(tokens={"token-0": ["unavailable"], "token-1": ["internal"]})
    worker.campaign(3)
    with worker.ledger.statement() as connection:
        connection.execute("UPDATE batches SET attempt = %s", (worker.process.settings.push_max_attempts,))
    worker.send()
    assert worker.statuses() == ["failed", "unknown", "accepted"]


def test_no_connection_counts_no_attempt_and_opens_the_breaker(faulty_worker: Worker) -> None:
    worker = faulty_worker
    worker.campaign(3)
    worker.simulator.client.change_script(wire={"listening": False})
    before = worker.now()
    worker.send()
    assert worker.statuses() == []
    batch = worker.batch()
    assert batch["status"] in {"ready", "closed"}
    assert all(follow_up["attempt"] == 1 and not follow_up["ambiguous"] for follow_up in worker.follow_ups())
    assert worker.app_row()["pause_reason"] == "FCM_UNREACHABLE"
    assert is_paused_for(worker, 1, since=before)


@pytest.mark.parametrize("token_outcome", ["internal", "unavailable"])
def test_a_failing_token_endpoint_opens_the_breaker_and_sends_nothing(worker: Worker, token_outcome: str) -> None:
    worker.simulator.client.script(oauth={"outcomes": [token_outcome]})
    worker.campaign(3)
    worker.send()
    assert worker.app_row()["pause_reason"] == "TOKEN_ENDPOINT_UNAVAILABLE"
    batch = worker.batch()
    assert (batch["status"], batch["started"], batch["attempt"]) == ("ready", 0, 1)
    assert worker.row()["status"] == "processing"


def test_a_refusing_token_endpoint_pauses_the_campaign(worker: Worker) -> None:
    worker.simulator.client.script(oauth={"outcomes": ["invalid_grant"]})
    worker.campaign(3)
    worker.send()
    assert (worker.row()["status"], worker.row()["pause_reason"]) == ("paused", "CREDENTIALS_UNUSABLE")
    assert worker.deliveries() == []


def test_a_revoked_access_token_is_renewed_and_the_campaign_goes_on(worker: Worker) -> None:
    worker.campaign(3)
    worker.process.tokens(app_of(worker)).wait(60)
    worker.simulator.client.revoke_access_tokens()
    worker.send()
    (follow_up,) = worker.follow_ups()
    assert (follow_up["size"], follow_up["attempt"]) == (3, 1)
    worker.send_follow_up(follow_up["id"])
    assert worker.statuses() == ["accepted"] * 3
    assert worker.row()["status"] == "processing"


def test_a_token_that_worked_is_renewed_again_however_often_it_is_revoked(worker: Worker) -> None:
    worker.campaign(2)
    batch_id = worker.world.batch_id
    for _ in range(3):
        worker.process.tokens(app_of(worker)).wait(60)
        worker.simulator.client.revoke_access_tokens()
        worker.send_follow_up(batch_id)
        (follow_up,) = worker.rows("SELECT id FROM batches WHERE parent_id = %s", batch_id)
        worker.simulator.client.script(tokens={"token-0": ["unavailable"]})
        worker.send_follow_up(follow_up["id"])
        (left,) = worker.rows("SELECT id FROM batches WHERE parent_id = %s", follow_up["id"])
        batch_id = left["id"]
        worker.simulator.client.script()
    assert worker.row()["status"] == "processing"


def test_a_renewed_token_that_is_refused_again_pauses_the_campaign(worker: Worker) -> None:
    worker.simulator.client.script(mix=["unauthenticated"])
    worker.campaign(200)
    worker.send()
    assert (worker.row()["status"], worker.row()["pause_reason"]) == ("paused", "UNAUTHENTICATED")
    assert worker.deliveries() == []


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (OutcomeName.PERMISSION_DENIED, "PERMISSION_DENIED"),
        (OutcomeName.NOT_FOUND, "NOT_FOUND"),
        (OutcomeName.REDIRECT, "HTTP_302"),
    ],
)
def test_a_fault_of_the_senders_pauses_the_campaign_and_devices_stay_pending(
    worker: Worker, outcome: str, reason: str
) -> None:
    script(worker, outcome)
    worker.campaign(3)
    worker.send()
    assert (worker.row()["status"], worker.row()["pause_reason"]) == ("paused", reason)
    assert "invalid_token" not in worker.statuses()
    waiting = [device for follow_up in worker.follow_ups() for device in follow_up["device_ids"]]
    assert waiting == [worker.world.device_ids[1]]


def test_a_device_that_is_gone_is_an_invalid_token_and_nothing_is_sent(worker: Worker) -> None:
    world = worker.campaign(3)
    with worker.ledger.statement() as connection:
        connection.execute("UPDATE devices SET is_active = false WHERE id = %s", (world.device_ids[1],))
    worker.send()
    rows = worker.deliveries()
    assert [row["status"] for row in rows] == ["accepted", "invalid_token", "accepted"]
    assert (rows[1]["error_code"], rows[1]["attempts"]) == ("DEVICE_GONE", 0)
    assert worker.simulator.client.counts().received == 2


def test_a_dry_run_is_validated_and_reaches_nobody(worker: Worker) -> None:
    worker.campaign(3, dry_run=True)
    worker.send()
    assert worker.statuses() == ["accepted"] * 3
    counts = worker.simulator.client.counts()
    assert (counts.accepted, counts.validated) == (0, 3)


def test_deferred_devices_of_an_ambiguous_batch_stay_ambiguous(worker: Worker) -> None:
    script(worker, OutcomeName.QUOTA_EXCEEDED, retry_after=1)
    worker.campaign(2)
    with worker.ledger.statement() as connection:
        connection.execute("UPDATE batches SET ambiguous = true")
    worker.send()
    (follow_up,) = worker.follow_ups()
    assert follow_up["ambiguous"]
    assert RetryKind(worker.batch()["retry_kinds"][0]) is RetryKind.DEFERRED

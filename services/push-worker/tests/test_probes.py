"""Probes: an app's check, a campaign's test, and the payload's verdict with what follows from it."""

from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from fanfare_push_worker.probes.run_probe import run_probe
from fanfare_shared.ids import uuid7
from harness.push_worker import Worker


def add(worker: Worker, kind: str, campaign: bool = True, **columns: Any) -> UUID:
    probe_id = uuid7()
    values = {
        "id": probe_id,
        "kind": kind,
        "app_id": worker.world.app_id,
        "campaign_id": worker.world.campaign_id if campaign else None,
        **columns,
    }
    with worker.ledger.statement() as connection:
        connection.execute(
            f"INSERT INTO probes ({', '.join(values)}, due_at) VALUES ({', '.join(['%s'] * len(values))}, now())",
            list(values.values()),
        )
    return probe_id


def probe(worker: Worker) -> dict[str, Any]:
    return worker.rows("SELECT * FROM probes")[0]


def ask(worker: Worker) -> UUID:
    """The question as a batch raises it, with the devices that wait for the answer."""
    worker.send()
    return UUID(str(probe(worker)["id"]))


def test_a_good_app_passes_its_check(worker: Worker) -> None:
    worker.campaign(1)
    run_probe(worker.process, add(worker, "app_check", campaign=False))
    row = probe(worker)
    assert (row["status"], row["result"], row["due_at"]) == ("SUCCESS", {"ok": True}, None)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ({"topic": ["permission_denied"]}, "CREDENTIALS_UNUSABLE"),
        ({"oauth": {"outcomes": ["invalid_grant"]}}, "CREDENTIALS_UNUSABLE"),
    ],
)
def test_an_app_that_may_not_send_fails_its_check_and_says_why(worker: Worker, script: Any, code: str) -> None:
    worker.simulator.client.script(**script)
    worker.campaign(1)
    run_probe(worker.process, add(worker, "app_check", campaign=False))
    row = probe(worker)
    assert (row["status"], row["error"]["code"]) == ("FAILURE", code)
    assert row["error"]["message"]


def test_a_check_that_meets_an_outage_is_retried(worker: Worker) -> None:
    worker.simulator.client.script(topic=["unavailable", "accept"])
    worker.campaign(1)
    probe_id = add(worker, "app_check", campaign=False)
    run_probe(worker.process, probe_id)
    assert probe(worker)["status"] == "RETRY"
    assert probe(worker)["due_at"] is not None
    run_probe(worker.process, probe_id)
    assert (probe(worker)["status"], probe(worker)["attempts"]) == ("SUCCESS", 2)


def test_a_probe_that_another_worker_has_or_that_is_done_is_left_alone(worker: Worker) -> None:
    worker.campaign(1)
    probe_id = add(worker, "app_check", campaign=False)
    run_probe(worker.process, probe_id)
    run_probe(worker.process, probe_id)
    assert probe(worker)["attempts"] == 1
    assert worker.simulator.client.counts().received == 1


def test_a_test_send_reaches_the_devices_outside_the_account(worker: Worker) -> None:
    worker.simulator.client.script(tokens={"token-1": ["unregistered"]})
    world = worker.campaign(3)
    run_probe(worker.process, add(worker, "campaign_test", request=Jsonb({"device_ids": world.device_ids[:2]})))
    first, second = probe(worker)["result"]["devices"]
    assert (first["device_id"], first["accepted"]) == (world.device_ids[0], True)
    assert (second["accepted"], second["error_code"]) == (False, "UNREGISTERED")
    assert worker.deliveries() == []
    assert "token-" not in str(probe(worker)["result"])


def test_a_test_send_that_apns_refuses_does_not_cost_the_access_token(worker: Worker) -> None:
    worker.simulator.client.script(mix=["third_party_auth_error"])
    world = worker.campaign(3)
    for _ in range(2):
        run_probe(worker.process, add(worker, "campaign_test", request=Jsonb({"device_ids": world.device_ids})))
    codes = [
        [device["error_code"] for device in row["result"]["devices"]] for row in worker.rows("SELECT * FROM probes")
    ]
    assert codes == [["THIRD_PARTY_AUTH_ERROR"] * 3] * 2
    assert worker.simulator.client.counts().token_requests["issue"] == 1


def test_a_check_whose_renewed_token_is_refused_too_says_so(worker: Worker) -> None:
    worker.simulator.client.script(topic=["unauthenticated"])
    worker.campaign(1)
    probe_id = add(worker, "app_check", campaign=False)
    run_probe(worker.process, probe_id)
    assert probe(worker)["status"] == "RETRY"
    run_probe(worker.process, probe_id)
    assert (probe(worker)["status"], probe(worker)["error"]["code"]) == ("FAILURE", "CREDENTIALS_UNUSABLE")


def test_a_payload_found_good_makes_the_tokens_invalid(worker: Worker) -> None:
    worker.simulator.client.script(tokens={"token-1": ["invalid_token"]})
    worker.campaign(3)
    run_probe(worker.process, ask(worker))
    assert worker.row()["payload_verdict"] == "ok"
    worker.send_follow_up(worker.follow_ups()[0]["id"])
    assert worker.statuses() == ["accepted", "invalid_token", "accepted"]


def test_a_payload_found_bad_fails_the_campaign(worker: Worker) -> None:
    worker.simulator.client.script(mix=["invalid_argument"], topic=["invalid_argument"])
    worker.campaign(3)
    run_probe(worker.process, ask(worker))
    campaign = worker.row()
    assert (campaign["payload_verdict"], campaign["status"], campaign["final_status"]) == (
        "bad",
        "cancelling",
        "failed",
    )
    assert campaign["error_code"] == "INVALID_ARGUMENT"


def test_the_question_is_raised_once_a_campaign_and_asked_until_it_is_answered(worker: Worker) -> None:
    worker.simulator.client.script(mix=["invalid_token"], topic=["internal"])
    worker.campaign(250)
    probe_id = ask(worker)
    worker.send_follow_up(worker.follow_ups()[0]["id"])
    assert len(worker.rows("SELECT * FROM probes")) == 1
    for attempt in range(1, 8):
        run_probe(worker.process, probe_id)
        assert (probe(worker)["status"], probe(worker)["attempts"]) == ("RETRY", attempt)


@pytest.mark.parametrize(("asked_for", "wait"), [("0 seconds", 2), ("30 seconds", 30), ("1 hour", 60)])
def test_the_longer_the_verdict_is_awaited_the_less_often_a_waiting_device_is_sent_to(
    worker: Worker, asked_for: str, wait: int
) -> None:
    worker.simulator.client.script(tokens={"token-1": ["invalid_token"]})
    worker.campaign(3)
    ask(worker)
    waiting = worker.follow_ups()[0]["id"]
    before = worker.now()
    with worker.ledger.statement() as connection:
        connection.execute("UPDATE probes SET created_at = now() - %s::interval", (asked_for,))
    worker.send_follow_up(waiting)
    took = (worker.now() - before).total_seconds()
    (again,) = worker.rows(
        """
        SELECT extract(epoch FROM b.due_at - parent.closed_at) AS seconds, b.attempt
        FROM batches b JOIN batches parent ON parent.id = b.parent_id WHERE parent.id = %s
        """,
        waiting,
    )
    assert (wait <= again["seconds"] <= wait + took + 1, again["attempt"]) == (True, 1)  # in whole seconds, rounded up


def test_a_sender_that_may_not_ask_pauses_the_campaign_until_the_question_can_be_answered(worker: Worker) -> None:
    worker.simulator.client.script(mix=["invalid_token"], topic=["permission_denied", "accept"])
    worker.campaign(3)
    probe_id = ask(worker)
    run_probe(worker.process, probe_id)
    assert (worker.row()["status"], worker.row()["pause_reason"]) == ("paused", "PERMISSION_DENIED")
    assert probe(worker)["status"] == "RETRY"
    run_probe(worker.process, probe_id)
    assert (probe(worker)["status"], worker.row()["payload_verdict"]) == ("SUCCESS", "ok")


def test_nothing_is_asked_about_a_campaign_that_has_ended(worker: Worker) -> None:
    worker.simulator.client.script(mix=["invalid_token"], topic=["internal"])
    worker.campaign(3)
    probe_id = ask(worker)
    with worker.ledger.statement() as connection:
        connection.execute("UPDATE campaigns SET status = 'cancelled'")
    run_probe(worker.process, probe_id)
    assert (probe(worker)["status"], probe(worker)["result"]) == ("SUCCESS", {"verdict": None})

"""Controlling campaigns: every action in every status, what it writes, and what it publishes."""

import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from kombu import Message
from pydantic import SecretStr

from fanfare_api.settings import ApiSettings
from fanfare_shared.bulk.transitions import TRANSITIONS, Action
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.worker.app import CONNECT_TIMEOUT_SECONDS

MakeCampaign = Callable[..., Awaitable[str]]
Rows = Callable[..., list[dict[str, Any]]]
SetStatus = Callable[[str, JobStatus], None]
AddDevice = Callable[..., int]
TakeHint = Callable[..., Message]
MakeClient = Callable[..., httpx.AsyncClient]
RunApp = Callable[[ApiSettings], AbstractAsyncContextManager[FastAPI]]

# What a caller can ask for, and with which request.
REQUESTS: dict[Action, tuple[str, str, Any]] = {
    Action.EDIT: ("PATCH", "", {"title": "Newer"}),
    Action.DELETE: ("DELETE", "", None),
    Action.TEST: ("POST", "/test", {"user_ids": ["a"]}),
    Action.SEND: ("POST", "/send", None),
    Action.SCHEDULE: ("POST", "/schedule", {"scheduled_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}),
    Action.PAUSE: ("POST", "/pause", None),
    Action.RESUME: ("POST", "/resume", None),
    Action.CANCEL: ("POST", "/cancel", None),
}


@pytest.mark.parametrize("status", list(JobStatus))
@pytest.mark.parametrize("action", list(REQUESTS))
async def test_an_action_does_what_the_table_says_in_every_status(
    client: httpx.AsyncClient,
    make_campaign: MakeCampaign,
    add_device: AddDevice,
    set_status: SetStatus,
    ledger_rows: Rows,
    action: Action,
    status: JobStatus,
) -> None:
    add_device("a", "token-a")
    campaign_id = await make_campaign()
    set_status(campaign_id, status)
    method, path, body = REQUESTS[action]
    answer = await client.request(method, f"/v1/campaigns/{campaign_id}{path}", json=body)
    expected = TRANSITIONS[action].get(status)
    if expected is None:
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (409, "ILLEGAL_TRANSITION")
        assert (problem["status"], problem["status_now"]) == (409, status)
        expected = status
    else:
        assert answer.is_success, answer.text
    if action is Action.DELETE and answer.is_success:
        assert ledger_rows("campaigns", id=campaign_id) == []
    else:
        assert ledger_rows("campaigns", id=campaign_id)[0]["status"] == expected


async def test_send_answers_with_the_task_and_the_queue(client: httpx.AsyncClient, make_campaign: MakeCampaign) -> None:
    campaign_id = await make_campaign(priority="high")
    answer = await client.post(f"/v1/campaigns/{campaign_id}/send")
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/tasks/{campaign_id}"
    assert answer.json() == {
        "campaign_id": campaign_id,
        "task_id": campaign_id,
        "status": "processing",
        "priority": "high",
        "queue": "push.high",
    }


async def test_send_makes_the_campaign_due_soon_and_expire_after_its_ttl(
    client: httpx.AsyncClient, make_campaign: MakeCampaign, ledger_rows: Rows
) -> None:
    campaign_id = await make_campaign(ttl_seconds=3600)
    await client.post(f"/v1/campaigns/{campaign_id}/send", json={})
    (row,) = ledger_rows("campaigns", id=campaign_id)
    assert row["due_at"] - row["started_at"] == timedelta(seconds=5)
    assert row["expires_at"] - row["started_at"] == timedelta(hours=1)


async def test_a_ttl_of_zero_does_not_expire_the_whole_campaign_at_once(
    client: httpx.AsyncClient, make_campaign: MakeCampaign, ledger_rows: Rows
) -> None:
    campaign_id = await make_campaign(ttl_seconds=0)
    await client.post(f"/v1/campaigns/{campaign_id}/send")
    (row,) = ledger_rows("campaigns", id=campaign_id)
    assert row["expires_at"] - row["started_at"] == timedelta(weeks=4)


async def test_a_given_expiry_is_kept(
    client: httpx.AsyncClient, make_campaign: MakeCampaign, ledger_rows: Rows
) -> None:
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
    campaign_id = await make_campaign(expires_at=expires_at.isoformat())
    await client.post(f"/v1/campaigns/{campaign_id}/send")
    assert ledger_rows("campaigns", id=campaign_id)[0]["expires_at"] == expires_at


async def test_a_delayed_send_is_a_scheduled_campaign(
    client: httpx.AsyncClient, make_campaign: MakeCampaign, ledger_rows: Rows
) -> None:
    campaign_id = await make_campaign()
    before = datetime.now(UTC)
    answer = await client.post(f"/v1/campaigns/{campaign_id}/send", json={"delay_seconds": 60})
    assert (answer.status_code, answer.json()["status"]) == (202, "scheduled")
    (row,) = ledger_rows("campaigns", id=campaign_id)
    assert row["due_at"] == row["scheduled_at"]
    assert before <= row["scheduled_at"] - timedelta(seconds=60) <= datetime.now(UTC)
    assert row["started_at"] is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("send", {"delay_seconds": -1}),
        ("send", {"delay_seconds": "5"}),
        ("send", {"delay": 5}),
        ("send", {"delay_seconds": 2_592_001}),
        ("send", {"delay_seconds": 7200}),  # after its expiry
        ("schedule", {}),
        ("schedule", {"scheduled_at": "2020-01-01T00:00:00Z"}),
        ("schedule", {"scheduled_at": "2999-01-01T00:00:00Z"}),
        ("schedule", {"scheduled_at": "2027-01-01T00:00:00"}),
        ("test", {"user_ids": []}),
        ("test", {"user_ids": [str(number) for number in range(11)]}),
        ("test", {"user_ids": ["nobody"]}),
    ],
)
async def test_a_bad_request_changes_nothing(
    client: httpx.AsyncClient, make_campaign: MakeCampaign, ledger_rows: Rows, path: str, body: dict[str, Any]
) -> None:
    campaign_id = await make_campaign(expires_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    before = ledger_rows("campaigns", id=campaign_id)
    answer = await client.post(f"/v1/campaigns/{campaign_id}/{path}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert ledger_rows("campaigns", id=campaign_id) == before


async def test_pause_keeps_its_reason_and_resume_clears_it_and_is_due_now(
    client: httpx.AsyncClient, make_campaign: MakeCampaign, ledger_rows: Rows
) -> None:
    campaign_id = await make_campaign()
    await client.post(f"/v1/campaigns/{campaign_id}/send")
    await client.post(f"/v1/campaigns/{campaign_id}/pause")
    assert (await client.get(f"/v1/campaigns/{campaign_id}")).json()["pause_reason"] == "requested"
    await client.post(f"/v1/campaigns/{campaign_id}/resume")
    (row,) = ledger_rows("campaigns", id=campaign_id)
    assert (row["status"], row["pause_reason"]) == ("processing", None)
    assert row["due_at"] <= datetime.now(UTC)


async def test_cancelling_what_never_started_ends_it_at_once_and_tells_its_owner(
    client: httpx.AsyncClient, make_campaign: MakeCampaign, ledger_rows: Rows
) -> None:
    campaign_id = await make_campaign(webhook_url="https://example.org/hook", notify_email="ops@example.org")
    answer = await client.post(f"/v1/campaigns/{campaign_id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
    stats = (await client.get(f"/v1/campaigns/{campaign_id}/stats")).json()
    assert (stats["status"], stats["total_recipients"], stats["pending"]) == ("cancelled", 0, 0)
    assert stats["completed_at"] is not None
    told = ledger_rows("notifications", campaign_id=campaign_id)
    assert sorted((row["kind"], row["event"]) for row in told) == [
        ("email", "campaign.cancelled"),
        ("webhook", "campaign.cancelled"),
    ]
    assert all(row["due_at"] is not None and row["payload"]["status"] == "cancelled" for row in told)


async def test_cancelling_a_started_campaign_leaves_its_end_to_the_orchestrator(
    client: httpx.AsyncClient, make_campaign: MakeCampaign, ledger_rows: Rows
) -> None:
    campaign_id = await make_campaign()
    await client.post(f"/v1/campaigns/{campaign_id}/send")
    answer = await client.post(f"/v1/campaigns/{campaign_id}/cancel")
    assert answer.json()["status"] == "cancelling"
    (row,) = ledger_rows("campaigns", id=campaign_id)
    assert (row["final_status"], row["completed_at"]) == ("cancelled", None)
    assert row["due_at"] <= datetime.now(UTC)


async def test_a_test_is_a_probe_to_the_active_devices_of_the_users(
    client: httpx.AsyncClient, make_campaign: MakeCampaign, add_device: AddDevice, ledger_rows: Rows
) -> None:
    wanted = [add_device("a", "a1"), add_device("a", "a2"), add_device("b", "b1")]
    add_device("a", "a3", is_active=False)
    add_device("c", "c1")
    campaign_id = await make_campaign()
    answer = await client.post(f"/v1/campaigns/{campaign_id}/test", json={"user_ids": ["a", "b", "nobody"]})
    (probe,) = ledger_rows("probes", campaign_id=campaign_id)
    assert answer.status_code == 202
    assert answer.json()["task_id"] == str(probe["id"])
    assert answer.json()["status"] == "draft"
    assert (probe["kind"], probe["request"]) == ("campaign_test", {"device_ids": wanted})
    assert probe["due_at"] is not None


async def test_a_repeated_send_with_its_idempotency_key_is_answered_and_done_once(
    client: httpx.AsyncClient, make_campaign: MakeCampaign, ledger_rows: Rows
) -> None:
    campaign_id = await make_campaign()
    send = f"/v1/campaigns/{campaign_id}/send"
    first = await client.post(send, headers={"Idempotency-Key": "one"})
    started_at = ledger_rows("campaigns", id=campaign_id)[0]["started_at"]
    again = await client.post(send, headers={"Idempotency-Key": "one"})
    assert (again.status_code, again.json(), again.headers["Location"]) == (
        202,
        first.json(),
        first.headers["Location"],
    )
    assert ledger_rows("campaigns", id=campaign_id)[0]["started_at"] == started_at
    without = await client.post(send)
    assert (without.status_code, without.json()["status_now"]) == (409, "processing")
    assert len(ledger_rows("audit_log", subject=campaign_id, action="campaign.send")) == 1


@pytest.mark.parametrize(
    ("actions", "queue", "message"),
    [
        (["send"], Queue.CAMPAIGNS, "campaigns.plan"),
        (["send", "cancel"], Queue.PUSH_RESULTS, "campaigns.settle"),
        (["send", "pause", "resume"], Queue.PUSH_RESULTS, "campaigns.settle"),
    ],
)
async def test_an_action_publishes_its_hint_after_the_commit(
    client: httpx.AsyncClient,
    make_campaign: MakeCampaign,
    take_hint: TakeHint,
    actions: list[str],
    queue: Queue,
    message: str,
) -> None:
    campaign_id = await make_campaign()
    for action in actions:
        await client.post(f"/v1/campaigns/{campaign_id}/{action}", headers={"X-Request-ID": "request-1"})
    taken = take_hint(queue, campaign_id=campaign_id)
    assert taken.headers["task"] == message
    assert taken.payload[1]["message"]["request_id"] == "request-1"


async def test_send_is_answered_at_once_while_the_broker_is_away(
    run_app: RunApp, api_settings: ApiSettings, make_client: MakeClient, make_campaign: MakeCampaign, ledger_rows: Rows
) -> None:
    # Several, for a machine that stops for a moment is not the api's waiting.
    campaigns, headers = [await make_campaign() for _ in range(5)], make_client("campaigns").headers
    seconds = []
    with socket.socket() as silent:  # takes connections and never answers, which is worse than a refusal
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        broker_url = SecretStr(f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}/")
        async with (
            run_app(api_settings.model_copy(update={"broker_url": broker_url})) as app,
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api", headers=headers) as client,
        ):
            for campaign_id in campaigns:
                started = time.monotonic()
                answer = await client.post(f"/v1/campaigns/{campaign_id}/send")
                seconds.append(time.monotonic() - started)
                assert answer.status_code == 202
    assert min(seconds) < CONNECT_TIMEOUT_SECONDS
    assert all(ledger_rows("campaigns", id=campaign_id)[0]["due_at"] is not None for campaign_id in campaigns)


async def test_controlling_takes_the_campaigns_scope(
    make_client: MakeClient, make_campaign: MakeCampaign, app_id: UUID
) -> None:
    campaign_id = await make_campaign()
    answer = await make_client("read", app_ids=[app_id]).post(f"/v1/campaigns/{campaign_id}/send")
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


async def test_resuming_a_campaign_that_was_paused_while_it_was_cancelled_goes_on_cancelling(
    client: httpx.AsyncClient, make_campaign: MakeCampaign, set_status: SetStatus, ledger_rows: Rows
) -> None:
    campaign_id = await make_campaign()
    set_status(campaign_id, JobStatus.PROCESSING)
    await client.post(f"/v1/campaigns/{campaign_id}/cancel")
    set_status(campaign_id, JobStatus.PAUSED)  # as LEDGER_IMBALANCE does
    answer = await client.post(f"/v1/campaigns/{campaign_id}/resume")
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
    (row,) = ledger_rows("campaigns", id=campaign_id)
    assert (row["status"], row["final_status"]) == ("cancelling", "cancelled")

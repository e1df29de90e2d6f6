"""Callers who change their mind, and devices that change, while a campaign is on its way."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from fanfare_shared.testing.polling import until
from harness.company import Company


def refusal(company: Company, method: str, path: str, **body: object) -> tuple[int, str]:
    """Status and code of the problem that this call is."""
    answer = company.client.http.request(method, path, json=body or None)
    return answer.status_code, answer.json().get("code", "")


def test_a_campaign_that_runs_is_neither_edited_nor_deleted_and_one_that_ended_is(company: Company) -> None:
    company.add_devices(1000)
    campaign = company.send(rate_per_second=50)
    path = f"/v1/campaigns/{campaign}"
    conflict = (httpx.codes.CONFLICT, "ILLEGAL_TRANSITION")
    assert refusal(company, "PATCH", path, title="Other news") == conflict
    assert refusal(company, "DELETE", path) == conflict
    company.client.act(campaign, "pause")
    assert refusal(company, "PATCH", path, title="Other news") == conflict
    company.client.act(campaign, "cancel")
    company.finish(campaign)
    assert company.client.http.delete(path).status_code == httpx.codes.NO_CONTENT
    for part in ("", "/stats", "/deliveries", "/events"):
        assert refusal(company, "GET", path + part) == (httpx.codes.NOT_FOUND, "NOT_FOUND")


def test_a_scheduled_campaign_goes_out_as_it_was_edited(company: Company) -> None:
    company.add_devices(3)
    campaign = company.client.create_campaign(company.app_id)
    starts = datetime.now(UTC) + timedelta(seconds=6)
    company.client.act(campaign, "schedule", scheduled_at=starts.isoformat())
    edited = company.client.http.patch(f"/v1/campaigns/{campaign}", json={"target": {"user_ids": ["user-1"]}})
    assert edited.status_code == httpx.codes.OK, edited.text
    assert company.finish(campaign)["success"] == 1


def test_devices_that_are_deleted_while_it_waits_are_invalid_and_new_ones_are_not_sent_to(company: Company) -> None:
    company.add_devices(80)
    campaign = company.send(rate_per_second=10)
    company.client.wait_for_sent(campaign, 5)
    company.client.act(campaign, "pause")
    until("its batch is given back", lambda: not company.client.stats(campaign)["batches"]["leased"], 120)
    # Listed first is who would be sent to last.
    users = [device["user_id"] for device in company.client.items("/v1/devices", app_id=company.app_id)[:2]]
    tokens = [company.tokens[int(user.removeprefix("user-"))] for user in users]
    for user in users:
        gone = company.client.http.delete("/v1/devices", params={"app_id": company.app_id, "user_id": user})
        gone.raise_for_status()
    registration = {"app_id": company.app_id, "user_id": users[0], "token": tokens[0], "platform": "ios"}
    company.client.http.put("/v1/devices", json=registration).raise_for_status()
    company.client.act(campaign, "resume")
    stats = company.finish(campaign)
    assert (stats["success"], stats["invalid_token"], stats["errors"]) == (78, 2, {"DEVICE_GONE": 2})
    assert set(company.simulator.missing(company.tokens).tokens) == set(tokens)


def test_what_waits_in_a_paused_campaign_expires_in_time_and_completes_it(company: Company) -> None:
    company.add_devices(300)
    expires = datetime.now(UTC) + timedelta(seconds=10)
    campaign = company.send(rate_per_second=20, expires_at=expires.isoformat())
    company.client.wait_for_sent(campaign, 5)
    company.client.act(campaign, "pause")
    stats = company.finish(campaign)
    assert stats["status"] == "completed"
    assert stats["success"] == company.simulator.counts().accepted
    assert stats["expired"] == 300 - stats["success"]


@pytest.mark.parametrize("outcome", ["internal", "bad_gateway", "deadline_exceeded"])
def test_at_most_once_sends_to_nobody_twice_whatever_the_answer_meant(company: Company, outcome: str) -> None:
    company.add_devices(100)
    doubtful = company.add_devices(20, "doubtful")
    company.simulator.script(patterns=[{"contains": "doubtful", "outcomes": [outcome, "accept"]}])
    campaign = company.send(delivery="at_most_once")
    stats = company.finish(campaign)
    assert (stats["status"], stats["success"], stats["unknown"], stats["failure"]) == ("completed", 100, 20, 20)
    counts = company.simulator.counts()
    assert (counts.received, counts.received_tokens) == (120, 120)
    assert company.simulator.missing(doubtful).total == 20

"""A campaign from import to account, as another service sees it: over HTTP alone, with FCM's answers scripted."""

from datetime import UTC, datetime, timedelta

import pytest

from fanfare_shared.testing.polling import until
from harness.company import Company


def test_a_campaign_reaches_every_device_once(company: Company) -> None:
    tokens = company.add_devices(5000)
    campaign = company.send()
    stats = company.finish(campaign)
    assert (stats["status"], stats["success"], stats["progress"]) == ("completed", 5000, 100)
    assert company.simulator.missing(tokens).total == 0
    assert company.simulator.duplicates().tokens == 0


def test_each_answer_becomes_its_outcome_and_dead_tokens_are_deactivated(company: Company) -> None:
    company.add_devices(200)
    company.add_devices(5, "unregistered")
    company.add_devices(5, "mismatch")
    company.simulator.script(
        patterns=[
            {"contains": "unregistered", "outcomes": ["unregistered"]},
            {"contains": "mismatch", "outcomes": ["sender_id_mismatch"]},
        ]
    )
    campaign = company.send()
    stats = company.finish(campaign)
    assert (stats["success"], stats["invalid_token"], stats["failed"], stats["failure"]) == (200, 5, 5, 10)
    assert stats["errors"] == {"UNREGISTERED": 5, "SENDER_ID_MISMATCH": 5}
    assert {row["error_code"] for row in company.deliveries(campaign, status="invalid_token")} == {"UNREGISTERED"}

    def inactive() -> bool:
        devices = company.client.get("/v1/devices", app_id=company.app_id, is_active="false", limit=100)["items"]
        return len(devices) == 5

    until("the dead tokens are deactivated, and no others", inactive, 120)


def test_what_fcm_could_not_take_is_sent_again_and_accepted_once(company: Company) -> None:
    tokens = company.add_devices(50)
    company.simulator.script(tokens={tokens[7]: [{"outcome": "unavailable", "retry_after": 1}, "accept"]})
    stats = company.finish(company.send())
    assert stats["success"] == 50
    assert company.simulator.token(tokens[7]).received == 2


def test_only_the_users_named_get_it_and_the_unmatched_are_reported(company: Company) -> None:
    company.add_devices(20)
    campaign = company.send(target={"user_ids": ["user-3", "user-4", "nobody"]})
    assert company.finish(campaign)["success"] == 2
    assert company.client.campaign(campaign)["unmatched"] == {"count": 1, "first": ["nobody"]}


def test_a_campaign_nobody_matches_is_completed_with_a_total_of_zero(company: Company) -> None:
    stats = company.finish(company.send(target={"user_ids": ["nobody"]}))
    assert (stats["status"], stats["total_recipients"]) == ("completed", 0)


def test_a_dry_run_delivers_nothing_and_deactivates_nobody(company: Company) -> None:
    company.add_devices(20)
    company.add_devices(2, "unregistered")
    company.simulator.script(patterns=[{"contains": "unregistered", "outcomes": ["unregistered"]}])
    stats = company.finish(company.send(dry_run=True))
    assert (stats["success"], stats["invalid_token"]) == (20, 2)
    counts = company.simulator.counts()
    assert (counts.accepted, counts.validated) == (0, 20)


def test_a_test_send_reaches_the_named_users_outside_the_account(company: Company) -> None:
    tokens = company.add_devices(20)
    campaign = company.client.create_campaign(company.app_id)
    task = company.client.act(campaign, "test", user_ids=["user-5"])["task_id"]
    done = company.task(task)
    assert done["status"] == "SUCCESS", done
    assert company.simulator.accepted().tokens == [tokens[5]]
    assert company.client.stats(campaign)["total_recipients"] == 0


def test_an_apps_check_tells_good_credentials_from_bad(company: Company) -> None:
    def check() -> str:
        task = company.client.post(f"/v1/apps/{company.app_id}/check")["task_id"]
        return str(company.task(task)["status"])

    assert check() == "SUCCESS"
    company.simulator.script(topic=["permission_denied"])
    assert check() == "FAILURE"


def test_a_scheduled_campaign_starts_at_its_time(company: Company) -> None:
    company.add_devices(10)
    campaign = company.client.create_campaign(company.app_id)
    starts = datetime.now(UTC) + timedelta(seconds=5)
    assert company.client.act(campaign, "schedule", scheduled_at=starts.isoformat())["status"] == "scheduled"
    company.finish(campaign)
    assert datetime.fromisoformat(company.client.campaign(campaign)["started_at"]) >= starts


def test_what_has_not_been_sent_when_it_expires_is_expired_and_the_campaign_completes(company: Company) -> None:
    company.add_devices(500)
    expires = datetime.now(UTC) + timedelta(seconds=8)
    stats = company.finish(company.send(rate_per_second=20, expires_at=expires.isoformat()))
    assert stats["status"] == "completed"
    assert stats["expired"] + stats["success"] == 500
    assert stats["expired"] > 300
    assert stats["success"] > 0


def test_a_rate_is_kept(company: Company) -> None:
    company.add_devices(300)
    campaign = company.send(rate_per_second=50)
    stats = company.finish(campaign)
    took = datetime.fromisoformat(stats["completed_at"]) - datetime.fromisoformat(stats["started_at"])
    assert took.total_seconds() > 300 / 50 * 0.95


def test_pause_holds_and_resume_reaches_the_rest_once(company: Company) -> None:
    tokens = company.add_devices(1500)
    campaign = company.send(rate_per_second=200)
    company.client.wait_for_sent(campaign, 50)
    company.client.act(campaign, "pause")
    assert company.client.stats(campaign)["status"] == "paused"
    company.client.act(campaign, "resume")
    assert company.finish(campaign)["success"] == 1500
    assert company.simulator.missing(tokens).total == 0
    assert company.simulator.duplicates().tokens == 0


def test_a_cancelled_campaigns_account_adds_up(company: Company) -> None:
    company.add_devices(2000)
    campaign = company.send(rate_per_second=200)
    company.client.wait_for_sent(campaign, 50)
    company.client.act(campaign, "cancel")
    stats = company.finish(campaign)
    assert stats["status"] == "cancelled"
    assert stats["success"] == company.simulator.counts().accepted
    assert stats["cancelled"] == 2000 - stats["success"]


def test_a_payload_fcm_refuses_fails_the_campaign_with_fcms_error(company: Company) -> None:
    company.add_devices(50)
    company.simulator.script(mix={"invalid_argument": 1}, topic=["invalid_argument"])
    campaign = company.send()
    stats = company.finish(campaign)
    assert stats["status"] == "failed"
    assert company.client.campaign(campaign)["error_code"] == "INVALID_ARGUMENT"


def test_tokens_fcm_calls_invalid_without_saying_so_are_invalid_tokens(company: Company) -> None:
    company.add_devices(50)
    company.add_devices(3, "garbage")
    company.simulator.script(patterns=[{"contains": "garbage", "outcomes": ["invalid_token"]}])
    stats = company.finish(company.send())
    assert (stats["status"], stats["success"], stats["invalid_token"]) == ("completed", 50, 3)


def test_a_sender_without_permission_pauses_the_campaign_and_nobody_is_lost(company: Company) -> None:
    tokens = company.add_devices(50)
    company.simulator.script(mix={"permission_denied": 1})
    campaign = company.send()
    stats = company.client.wait_for_status(campaign, "paused")
    assert (stats["pending"], company.client.campaign(campaign)["pause_reason"]) == (50, "PERMISSION_DENIED")
    company.simulator.script()
    company.client.act(campaign, "resume")
    assert company.finish(campaign)["success"] == 50
    assert company.simulator.missing(tokens).total == 0


@pytest.mark.parametrize("outcome", ["unavailable", "internal"])
def test_high_campaigns_pass_by_low_ones(company: Company, outcome: str) -> None:
    """A low campaign that waits for retries, which would never end, holds up nobody."""
    tokens = company.add_devices(1000)
    company.simulator.script(tokens={tokens[1]: ["accept"]}, patterns=[{"contains": "-device-", "outcomes": [outcome]}])
    low = company.send(priority="low")
    until("all but one wait for a retry", lambda: company.simulator.counts().outcomes.get(outcome, 0) >= 999, 120)
    high = company.send(priority="high", target={"user_ids": ["user-1"]})
    assert company.finish(high)["success"] == 1
    company.client.act(low, "cancel")
    company.client.wait_for_status(low)

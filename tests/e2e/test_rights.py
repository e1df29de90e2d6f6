"""What a caller may not see or do, and what sending twice does, through the running fleet."""

import httpx
import pytest

from harness.company import Company


@pytest.fixture
def other(company: Company) -> Company:
    """Another app of the same fleet, seen with a key for it alone."""
    fleet = company.fleet
    project = f"{company.prefix}-other"
    app = fleet.client.register_app(fleet.simulator.credentials(project), name=project)
    return Company(fleet, app["id"], f"{company.prefix}other", app["webhook_secret"])


def test_a_key_of_another_app_sees_and_changes_nothing(company: Company, other: Company) -> None:
    company.add_devices(3)
    sent = company.send()
    company.finish(sent)
    draft = company.client.create_campaign(company.app_id)
    device = company.client.items("/v1/devices", app_id=company.app_id)[0]["id"]
    stranger = company.client.with_key("read", "devices", "campaigns", app_ids=[other.app_id])
    assert [app["id"] for app in stranger.items("/v1/apps")] == [other.app_id]
    assert (stranger.items("/v1/campaigns"), stranger.items("/v1/devices")) == ([], [])
    for method, path in (
        ("GET", f"/v1/apps/{company.app_id}"),
        ("GET", f"/v1/devices/{device}"),
        ("DELETE", f"/v1/devices/{device}"),
        ("GET", f"/v1/devices?app_id={company.app_id}"),
        ("GET", f"/v1/campaigns/{sent}"),
        ("GET", f"/v1/campaigns/{sent}/stats"),
        ("GET", f"/v1/campaigns/{sent}/events"),
        ("GET", f"/v1/campaigns/{sent}/deliveries"),
        ("GET", f"/v1/campaigns/{sent}/deliveries.csv"),
        ("GET", f"/v1/campaigns/{sent}/batches"),
        ("POST", f"/v1/campaigns/{draft}/send"),
        ("PATCH", f"/v1/campaigns/{draft}"),
        ("DELETE", f"/v1/campaigns/{draft}"),
    ):
        answer = stranger.http.request(method, path, json={} if method in {"POST", "PATCH"} else None)
        assert answer.status_code == httpx.codes.NOT_FOUND, (method, path, answer.text)
        assert answer.json()["code"] == "NOT_FOUND"
    for path in ("/v1/audit", "/v1/dead-letters", "/v1/api-keys", "/v1/schedules"):
        assert stranger.http.get(path).status_code == httpx.codes.FORBIDDEN, path
    assert company.client.stats(draft)["status"] == "draft"
    assert company.simulator.counts().accepted == 3


def test_a_campaign_sent_twice_reaches_each_device_once(company: Company) -> None:
    tokens = company.add_devices(300)
    campaign = company.client.create_campaign(company.app_id, rate_per_second=300)
    http, path = company.client.http, f"/v1/campaigns/{campaign}/send"
    key = {"Idempotency-Key": f"{company.prefix}-send"}
    first, again, other = (http.post(path, json={}, headers=headers) for headers in (key, key, {}))
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 409)
    assert again.json() == first.json()
    assert other.json()["status_now"] in {"processing", "completed"}
    assert company.finish(campaign)["success"] == 300
    assert company.simulator.duplicates().tokens == 0
    assert company.simulator.missing(tokens).total == 0


def test_a_campaign_created_twice_with_one_key_is_one_campaign(company: Company) -> None:
    body = {"app_id": company.app_id, "title": "News", "message": "Once", "target": {"all": True}}
    key = {"Idempotency-Key": f"{company.prefix}-create"}
    first, again = (company.client.http.post("/v1/campaigns", json=body, headers=key) for _ in range(2))
    assert first.json()["id"] == again.json()["id"]
    assert len(company.client.items("/v1/campaigns", app_id=company.app_id)) == 1

"""Making campaigns: what is kept, and what is refused with which code."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from fanfare_api.settings import ApiSettings
from fanfare_shared.ids import uuid7

Content = Callable[..., dict[str, Any]]
MakeCampaign = Callable[..., Awaitable[str]]
Rows = Callable[..., list[dict[str, Any]]]
MakeClient = Callable[..., httpx.AsyncClient]
RunApp = Callable[[ApiSettings], AbstractAsyncContextManager[FastAPI]]


def _in(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).isoformat()


async def test_a_campaign_is_a_draft_with_defaults(client: httpx.AsyncClient, content: Content) -> None:
    answer = await client.post("/v1/campaigns", json=content())
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/campaigns/{made['id']}"
    assert (made["status"], made["priority"], made["delivery"]) == ("draft", "normal", "at_least_once")
    assert (made["ttl_seconds"], made["data_payload"], made["dry_run"]) == (2_419_200, {}, False)
    assert (made["expires_at"], made["started_at"], made["unmatched"]) == (None, None, None)
    assert made["created_by"].startswith("test admin")
    assert (await client.get(answer.headers["Location"])).json() == made


async def test_every_field_comes_back_as_it_was_given(client: httpx.AsyncClient, content: Content) -> None:
    given = content(
        title="x" * 100,
        data_payload={"order": "7", "emoji": "🎉"},
        image_url="https://cdn.example.org/a.png",
        priority="high",
        target={"user_ids": ["a", "b"]},
        ttl_seconds=0,
        collapse_key="k" * 64,
        rate_per_second=500,
        delivery="at_most_once",
        dry_run=True,
        webhook_url="https://example.org/hook",
        notify_email="ops@example.org",
    )
    made = (await client.post("/v1/campaigns", json=given)).json()
    assert {name: made[name] for name in given} == given


async def test_making_a_campaign_is_in_the_audit_log(make_campaign: MakeCampaign, ledger_rows: Rows) -> None:
    campaign_id = await make_campaign()
    (entry,) = ledger_rows("audit_log", subject=campaign_id)
    assert entry["action"] == "campaign.create"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "x" * 101),
        ("title", None),
        ("title", 7),
        ("title", "nul\0"),
        ("title", "half a pair \ud83c"),
        ("message", ""),
        ("data_payload", {"count": 7}),
        ("data_payload", {"from": "me"}),
        ("data_payload", {"message_type": "x"}),
        ("data_payload", {"google.x": "x"}),
        ("data_payload", {"gcm.notification.x": "x"}),
        ("data_payload", {"": "x"}),
        ("data_payload", {"key": "nul\0"}),
        ("data_payload", ["x"]),
        ("image_url", "http://example.org/a.png"),
        ("image_url", "https://"),
        ("image_url", "https://user:pass@example.org/"),
        ("image_url", "https://example.org:port/"),
        ("image_url", "javascript:alert(1)"),
        ("priority", "urgent"),
        ("target", {}),
        ("target", {"all": False}),
        ("target", {"all": True, "user_ids": ["a"]}),
        ("target", {"user_ids": []}),
        ("target", {"user_ids": ["a", "a"]}),
        ("target", {"user_ids": [""]}),
        ("target", {"user_ids": [str(number) for number in range(10_001)]}),
        ("target", {"segment": "all"}),
        ("ttl_seconds", -1),
        ("ttl_seconds", 2_419_201),
        ("ttl_seconds", "60"),
        ("ttl_seconds", True),
        ("collapse_key", ""),
        ("collapse_key", "k" * 65),
        ("collapse_key", "ü" * 33),
        ("rate_per_second", 0),
        ("rate_per_second", 1.5),
        ("delivery", "exactly_once"),
        ("dry_run", "yes"),
        ("webhook_url", "http://example.org/hook"),
        ("webhook_url", "ftp://example.org/hook"),
        ("webhook_url", "https://example.org/a b"),
        ("webhook_url", "example.org"),
        ("notify_email", "nobody"),
        ("notify_email", "a@b, c@d"),
        ("notify_email", "a@b\nBcc: c@d"),
        ("expires_at", "2020-01-01T00:00:00Z"),
        ("expires_at", "2999-01-01T00:00:00Z"),
        ("expires_at", "9999-12-31T23:59:59-14:00"),
        ("expires_at", "2027-01-01T00:00:00"),
        ("expires_at", "tomorrow"),
        ("titel", "x"),
    ],
)
async def test_what_fcm_or_a_device_would_refuse_is_refused_at_once(
    client: httpx.AsyncClient, content: Content, ledger_rows: Rows, field: str, value: Any
) -> None:
    body = json.dumps(content(**{field: value}))  # in ASCII, which can hold half a surrogate pair
    answer = await client.post("/v1/campaigns", content=body, headers={"Content-Type": "application/json"})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "INVALID_REQUEST"), answer.text
    assert field in problem["detail"]
    assert ledger_rows("campaigns") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"message": "x" * 4097},
        {"message": "ü" * 2048},
        {"message": "🎉" * 1025},
        {"data_payload": {"blob": "x" * 4060}},
        {"data_payload": {f"key-{number}": "x" for number in range(400)}},
    ],
)
async def test_a_message_over_4096_bytes_is_refused_with_its_size(
    client: httpx.AsyncClient, content: Content, changes: dict[str, Any]
) -> None:
    answer = await client.post("/v1/campaigns", json=content(**changes))
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["limit"]) == (422, "MESSAGE_TOO_LARGE", 4096)
    assert problem["size"] > 4096


async def test_a_message_just_within_4096_bytes_is_taken(client: httpx.AsyncClient, content: Content) -> None:
    too_large = (await client.post("/v1/campaigns", json=content(message="x" * 4096))).json()
    fits = "x" * (4096 - (too_large["size"] - 4096))
    assert (await client.post("/v1/campaigns", json=content(message=fits))).status_code == 201
    assert (await client.post("/v1/campaigns", json=content(message=f"{fits}x"))).status_code == 422


async def test_an_unknown_app_and_another_ones_app_are_not_found(
    client: httpx.AsyncClient, make_client: MakeClient, content: Content
) -> None:
    answer = await client.post("/v1/campaigns", json=content(app_id=str(uuid7())))
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    stranger = make_client("campaigns", app_ids=[uuid7()])
    answer = await stranger.post("/v1/campaigns", json=content())
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_making_a_campaign_takes_the_campaigns_scope(make_client: MakeClient, content: Content) -> None:
    answer = await make_client("read", "devices").post("/v1/campaigns", json=content())
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


async def test_a_draft_is_edited_and_null_takes_a_field_away(
    client: httpx.AsyncClient, make_campaign: MakeCampaign
) -> None:
    campaign_id = await make_campaign(collapse_key="one", rate_per_second=5, expires_at=_in(hours=1))
    changes = {"title": "Newer", "collapse_key": None, "target": {"user_ids": ["a"]}, "expires_at": _in(hours=2)}
    answer = await client.patch(f"/v1/campaigns/{campaign_id}", json=changes)
    edited = answer.json()
    assert answer.status_code == 200, answer.text
    assert (edited["title"], edited["collapse_key"], edited["rate_per_second"]) == ("Newer", None, 5)
    assert edited["target"] == {"user_ids": ["a"]}
    assert edited["updated_at"] > edited["created_at"]
    assert (await client.get(f"/v1/campaigns/{campaign_id}")).json() == edited


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"title": ""}, "INVALID_REQUEST"),
        ({"title": None}, "INVALID_REQUEST"),
        ({"app_id": str(uuid7())}, "INVALID_REQUEST"),
        ({"status": "completed"}, "INVALID_REQUEST"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "INVALID_REQUEST"),
        ({"webhook_url": "http://example.org"}, "INVALID_REQUEST"),
        ({"message": "x" * 4096}, "MESSAGE_TOO_LARGE"),
    ],
)
async def test_an_edit_is_checked_like_a_new_campaign(
    client: httpx.AsyncClient, make_campaign: MakeCampaign, changes: dict[str, Any], code: str
) -> None:
    campaign_id = await make_campaign()
    before = (await client.get(f"/v1/campaigns/{campaign_id}")).json()
    answer = await client.patch(f"/v1/campaigns/{campaign_id}", json=changes)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await client.get(f"/v1/campaigns/{campaign_id}")).json() == before


async def test_a_scheduled_campaign_cannot_be_made_to_expire_before_it_starts(
    client: httpx.AsyncClient, make_campaign: MakeCampaign
) -> None:
    campaign_id = await make_campaign()
    await client.post(f"/v1/campaigns/{campaign_id}/schedule", json={"scheduled_at": _in(hours=2)})
    answer = await client.patch(f"/v1/campaigns/{campaign_id}", json={"expires_at": _in(hours=1)})
    assert (answer.status_code, answer.json()["field"]) == (422, "expires_at")


async def test_a_list_is_newest_first_in_pages_without_the_user_ids(
    client: httpx.AsyncClient, make_campaign: MakeCampaign
) -> None:
    made = [await make_campaign(target={"user_ids": ["a", "b"]}) for _ in range(5)]
    listed, cursor = [], None
    while True:
        page = (await client.get("/v1/campaigns", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        assert len(page["items"]) <= 2
        listed += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [campaign["id"] for campaign in listed] == made[::-1]
    assert all(campaign["target"] == {"user_count": 2} for campaign in listed)


async def test_lists_are_filtered_by_status_and_app_and_what_the_key_may_use(
    client: httpx.AsyncClient, make_client: MakeClient, make_campaign: MakeCampaign, app_id: UUID
) -> None:
    draft, sent = await make_campaign(), await make_campaign()
    await client.post(f"/v1/campaigns/{sent}/send")

    async def ids(of: httpx.AsyncClient, path: str = "/v1/campaigns", **params: Any) -> list[str]:
        return [campaign["id"] for campaign in (await of.get(path, params=params)).json()["items"]]

    assert await ids(client, status="draft") == [draft]
    assert await ids(client, "/v1/campaigns/active") == [sent]
    assert await ids(client, app_id=app_id) == [sent, draft]
    assert await ids(client, app_id=uuid7()) == []
    assert await ids(make_client("read", app_ids=[uuid7()])) == []
    assert await ids(make_client("read", app_ids=[app_id])) == [sent, draft]


async def test_a_campaign_of_another_app_is_not_there(make_client: MakeClient, make_campaign: MakeCampaign) -> None:
    campaign_id = await make_campaign()
    stranger = make_client("read", "campaigns", app_ids=[uuid7()])
    for path in ("", "/stats", "/events", "/deliveries", "/deliveries.csv", "/batches"):
        answer = await stranger.get(f"/v1/campaigns/{campaign_id}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), path
    for action in ("send", "pause", "resume", "cancel"):
        answer = await stranger.post(f"/v1/campaigns/{campaign_id}/{action}")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), action
    assert (await stranger.get(f"/v1/tasks/{campaign_id}")).status_code == 404


async def test_a_deleted_campaign_is_gone(
    client: httpx.AsyncClient, make_campaign: MakeCampaign, ledger_rows: Rows
) -> None:
    campaign_id = await make_campaign()
    assert (await client.delete(f"/v1/campaigns/{campaign_id}")).status_code == 204
    assert (await client.get(f"/v1/campaigns/{campaign_id}")).status_code == 404
    assert (await client.delete(f"/v1/campaigns/{campaign_id}")).status_code == 404
    assert [entry["action"] for entry in ledger_rows("audit_log", subject=campaign_id)] == [
        "campaign.create",
        "campaign.delete",
    ]


async def test_a_webhook_may_be_plain_http_where_the_setting_names_its_host(
    run_app: RunApp, api_settings: ApiSettings, make_client: MakeClient, content: Content
) -> None:
    headers = make_client("campaigns").headers
    async with (
        run_app(api_settings.model_copy(update={"webhook_allow": "hooks.internal:8080"})) as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api", headers=headers) as client,
    ):
        named = await client.post("/v1/campaigns", json=content(webhook_url="http://hooks.internal:8080/done"))
        other = await client.post("/v1/campaigns", json=content(webhook_url="http://hooks.internal/done"))
    assert (named.status_code, other.status_code) == (201, 422)
    assert "FANFARE_WEBHOOK_ALLOW" in other.json()["detail"]

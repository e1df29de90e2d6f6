"""The account device by device, as pages and as CSV, and batch by batch."""

import csv
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from fanfare_api.bulk import export
from fanfare_shared.db.connection import Ledger
from fanfare_shared.testing.world import World

Deliver = Callable[..., None]


@pytest.fixture
def deliver(ledger: Ledger, world: World) -> Deliver:
    """`deliver(3, "failed", error_code="INTERNAL")`: the outcome of the world's fourth device."""

    def deliver(number: int, status: str, **columns: Any) -> None:
        row = {
            "campaign_id": world.campaign_id,
            "device_id": world.device_ids[number],
            "attempts": 1,
            "platform": "android",
            "status": status,
            "user_id": f"user-{number}",
            **columns,
        }
        with ledger.transaction() as connection:
            connection.execute(
                f"INSERT INTO deliveries ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})", list(row.values())
            )

    return deliver


async def _pages(client: httpx.AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    while True:
        page = (await client.get(path, params=params)).json()
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        params["cursor"] = page["next_cursor"]


async def test_deliveries_come_in_pages_by_falling_device_id(
    client: httpx.AsyncClient, world: World, deliver: Deliver
) -> None:
    for number in range(10):
        deliver(number, "accepted", message_id=f"m-{number}")
    items = await _pages(client, f"/v1/campaigns/{world.campaign_id}/deliveries", limit=3)
    assert [item["device_id"] for item in items] == world.device_ids[::-1]
    assert items[0]["message_id"] == "m-9"
    assert items[0].keys() == {
        "device_id", "user_id", "platform", "status", "error_code", "error_message", "message_id", "attempts", "sent_at",
    }  # fmt: skip


async def test_deliveries_are_filtered_by_status(client: httpx.AsyncClient, world: World, deliver: Deliver) -> None:
    deliver(0, "accepted")
    deliver(1, "failed", error_code="INTERNAL", error_message="it broke")
    deliver(2, "failed")
    path = f"/v1/campaigns/{world.campaign_id}/deliveries"
    assert [item["user_id"] for item in await _pages(client, path, status="failed", limit=1)] == ["user-2", "user-1"]
    assert [item["user_id"] for item in await _pages(client, path, status="accepted")] == ["user-0"]
    answer = await client.get(path, params={"status": "lost"})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")


async def test_a_foreign_cursor_is_refused(client: httpx.AsyncClient, world: World) -> None:
    answer = await client.get(f"/v1/campaigns/{world.campaign_id}/deliveries", params={"cursor": "nonsense"})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")


async def test_csv_has_every_delivery_over_several_pages(
    client: httpx.AsyncClient, world: World, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_PAGE", 3)
    for number in range(10):
        deliver(number, "accepted" if number else "failed", sent_at="2026-01-01T00:00:00Z")
    answer = await client.get(f"/v1/campaigns/{world.campaign_id}/deliveries.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert str(world.campaign_id) in answer.headers["content-disposition"]
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert [int(row["device_id"]) for row in rows] == world.device_ids
    assert (rows[0]["status"], rows[0]["sent_at"]) == ("failed", "2026-01-01T00:00:00+00:00")
    failed = await client.get(f"/v1/campaigns/{world.campaign_id}/deliveries.csv", params={"status": "failed"})
    assert len(failed.text.splitlines()) == 2


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
async def test_a_csv_cell_that_a_spreadsheet_would_run_is_escaped(
    client: httpx.AsyncClient, world: World, deliver: Deliver, start: str
) -> None:
    deliver(0, "failed", user_id=f'{start}HYPERLINK("https://evil.example")', error_message="a, b")
    answer = await client.get(f"/v1/campaigns/{world.campaign_id}/deliveries.csv")
    (row,) = csv.DictReader(answer.text.splitlines(keepends=True))
    assert row["user_id"] == f'\'{start}HYPERLINK("https://evil.example")'
    assert row["error_message"] == "a, b"


async def test_csv_without_deliveries_is_its_header(client: httpx.AsyncClient, world: World) -> None:
    answer = await client.get(f"/v1/campaigns/{world.campaign_id}/deliveries.csv")
    assert (
        answer.text.strip() == "device_id,user_id,platform,status,error_code,error_message,message_id,attempts,sent_at"
    )


async def test_batches_are_listed_without_their_devices(client: httpx.AsyncClient, world: World) -> None:
    path = f"/v1/campaigns/{world.campaign_id}/batches"
    (batch,) = (await client.get(path)).json()["items"]
    assert (batch["id"], batch["status"], batch["size"], batch["attempt"]) == (world.batch_id, "published", 10, 1)
    assert "device_ids" not in batch
    assert (await client.get(path, params={"status": "closed"})).json()["items"] == []

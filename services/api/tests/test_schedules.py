"""`GET /v1/schedules`: the daily work, its times and its last runs."""

from collections.abc import Callable

import httpx

from fanfare_shared.db.connection import Ledger
from fanfare_shared.schedule import SCHEDULE


async def test_every_daily_work_is_listed_with_its_time_and_setting(client: httpx.AsyncClient) -> None:
    items = (await client.get("/v1/schedules")).json()["items"]
    assert [item["name"] for item in items] == [work.name for work in SCHEDULE]
    for item, work in zip(items, SCHEDULE, strict=True):
        assert (item["setting"], item["time"], item["timezone"]) == (work.setting, f"{work.default_time:%H:%M}", "UTC")
        assert item["next_due_at"]
        assert item["last_runs"] == []


async def test_the_last_runs_are_shown_newest_first_with_their_results(
    client: httpx.AsyncClient, clean_ledger: Ledger
) -> None:
    with clean_ledger.transaction() as connection:
        connection.execute(
            "INSERT INTO schedule_runs (name, due_at, status, result, error) VALUES "
            "('health_check', '2026-01-01T06:00Z', 'SUCCESS', '{\"redis\": \"ok\"}', NULL), "
            "('health_check', '2026-01-02T06:00Z', 'FAILURE', NULL, 'redis does not answer')"
        )
    items = {item["name"]: item for item in (await client.get("/v1/schedules")).json()["items"]}
    runs = items["health_check"]["last_runs"]
    assert [run["status"] for run in runs] == ["FAILURE", "SUCCESS"]
    assert (runs[0]["error"], runs[1]["result"]) == ("redis does not answer", {"redis": "ok"})


async def test_schedules_are_for_operators(make_client: Callable[..., httpx.AsyncClient]) -> None:
    assert (await make_client("read").get("/v1/schedules")).status_code == 403

"""`/v1/schedules`: the daily work, its times and its runs, and running it now."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from kombu import Message
from pydantic import SecretStr

from fanfare_api.http.pagination import encode_cursor
from fanfare_api.settings import ApiSettings
from fanfare_shared.contracts.messages import RunScheduled
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.db.connection import Ledger
from fanfare_shared.schedule import SCHEDULE

RunApp = Callable[[ApiSettings], AbstractAsyncContextManager[FastAPI]]
TakeHint = Callable[..., Message]


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


async def test_the_work_that_ran_most_hides_no_other_runs(client: httpx.AsyncClient, clean_ledger: Ledger) -> None:
    with clean_ledger.transaction() as connection:
        connection.execute(
            "INSERT INTO schedule_runs (name, due_at, status, dry_run) "
            "SELECT 'clean_history', '2026-02-01'::timestamptz + n * interval '1 minute', 'SUCCESS', true "
            "FROM generate_series(1, 100) n"
        )
        connection.execute(
            "INSERT INTO schedule_runs (name, due_at, status) VALUES ('health_check', '2026-01-01', 'SUCCESS')"
        )
    items = {item["name"]: item for item in (await client.get("/v1/schedules")).json()["items"]}
    assert len(items["clean_history"]["last_runs"]) == 7
    assert items["clean_history"]["last_runs"][0]["dry_run"] is True
    assert len(items["health_check"]["last_runs"]) == 1


@pytest.mark.parametrize(("body", "dry_run"), [(None, False), ({"dry_run": True}, True), ({"dry_run": False}, False)])
async def test_a_work_can_be_run_now(
    client: httpx.AsyncClient,
    take_hint: TakeHint,
    ledger_rows: Callable[..., list[dict[str, Any]]],
    body: dict[str, Any] | None,
    dry_run: bool,
) -> None:
    answer = await client.post("/v1/schedules/clean_history/run", json=body, headers={"X-Request-ID": "request-1"})
    assert answer.status_code == 202, answer.text
    accepted = answer.json()
    assert (accepted["name"], accepted["dry_run"]) == ("clean_history", dry_run)
    assert answer.headers["Location"] == "/v1/schedules/clean_history/runs"
    taken = take_hint(Queue.MAINTENANCE, request_id="request-1")
    message = RunScheduled.model_validate(taken.payload[1]["message"])
    assert taken.headers["task"] == "maintenance.run"
    assert (message.name, message.dry_run, message.request_id) == ("clean_history", dry_run, "request-1")
    assert message.due_at == datetime.fromisoformat(accepted["due_at"])
    assert ledger_rows("schedule_runs") == []
    (entry,) = ledger_rows("audit_log", action="schedule.run")
    assert (entry["subject"], entry["detail"]["dry_run"]) == ("clean_history", dry_run)


async def test_runs_come_in_pages_newest_first(client: httpx.AsyncClient, clean_ledger: Ledger) -> None:
    with clean_ledger.transaction() as connection:
        connection.execute(
            "INSERT INTO schedule_runs (name, due_at, status) "
            "SELECT 'health_check', '2026-02-01T06:00Z'::timestamptz + n * interval '1 day 1 microsecond', 'SUCCESS' "
            "FROM generate_series(1, 5) n"
        )
        connection.execute(
            "INSERT INTO schedule_runs (name, due_at, status) VALUES ('clean_history', now(), 'SUCCESS')"
        )
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await client.get("/v1/schedules/health_check/runs", params=params)).json()
        seen += [run["due_at"] for run in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)
    foreign = await client.get("/v1/schedules/health_check/runs", params={"cursor": encode_cursor(7)})
    assert (foreign.status_code, foreign.json()["code"]) == (422, "INVALID_REQUEST")


async def test_without_a_broker_a_run_is_refused_and_leaves_no_trace(
    run_app: RunApp,
    api_settings: ApiSettings,
    make_client: Callable[..., httpx.AsyncClient],
    ledger_rows: Callable[..., list[dict[str, Any]]],
) -> None:
    headers = make_client("admin").headers
    broker_url = SecretStr("amqp://guest:guest@127.0.0.1:1/")
    async with (
        run_app(api_settings.model_copy(update={"broker_url": broker_url})) as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api", headers=headers) as client,
    ):
        answer = await client.post("/v1/schedules/clean_history/run")
    assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (503, "BROKER_UNAVAILABLE", True)
    assert ledger_rows("audit_log") == []


async def test_a_work_that_is_none_and_a_caller_who_is_no_operator_are_refused(
    client: httpx.AsyncClient, make_client: Callable[..., httpx.AsyncClient]
) -> None:
    unknown = await client.post("/v1/schedules/make_coffee/run")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "NOT_FOUND")
    assert (await client.get("/v1/schedules/make_coffee/runs")).status_code == 404
    stranger = make_client("read", "images")
    assert (await stranger.post("/v1/schedules/clean_history/run")).status_code == 403
    assert (await stranger.get("/v1/schedules/clean_history/runs")).status_code == 403

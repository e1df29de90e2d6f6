"""`GET /v1/campaigns/{id}/events` on a real socket: until the campaign is final, the listener leaves or the api stops."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from fanfare_api.bulk import feed
from fanfare_api.bulk.feed import StatsFeed
from fanfare_api.main import Server
from fanfare_api.settings import ApiSettings
from fanfare_shared.db.connection import Ledger
from fanfare_shared.testing.polling import wait_until
from fanfare_shared.testing.world import World

RunApp = Callable[[ApiSettings], AbstractAsyncContextManager[FastAPI]]
MakeClient = Callable[..., httpx.AsyncClient]

PATIENCE_SECONDS = 60


@dataclass
class Served:
    """A running api on a socket, and a client of it."""

    server: Server
    serving: "asyncio.Task[None]"
    client: httpx.AsyncClient
    feed: StatsFeed


@pytest.fixture
async def served(
    run_app: RunApp, api_settings: ApiSettings, world: World, make_client: MakeClient
) -> AsyncIterator[Served]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with run_app(api_settings) as app:
            config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=PATIENCE_SECONDS)
            server = Server(app, config)
            serving = asyncio.create_task(server.serve([listener]))
            headers = {"Authorization": make_client("read").headers["Authorization"]}
            async with httpx.AsyncClient(
                base_url=url, headers=headers, trust_env=False, timeout=PATIENCE_SECONDS
            ) as client:
                yield Served(server, serving, client, app.state.runtime.feed)
                server.should_exit = True
            await serving


def _record(ledger: Ledger, world: World, accepted: int) -> None:
    with ledger.transaction() as connection:
        connection.execute(
            "UPDATE batches SET status = 'leased', epoch = 1, started = %(n)s, accepted = %(n)s WHERE id = %(id)s",
            {"n": accepted, "id": world.batch_id},
        )


def _complete(ledger: Ledger, world: World) -> None:
    with ledger.transaction() as connection:
        connection.execute("UPDATE batches SET status = 'closed' WHERE id = %s", (world.batch_id,))
        connection.execute(
            "UPDATE campaigns SET status = 'completed', accepted = 10, settled = 10, completed_at = now() WHERE id = %s",
            (world.campaign_id,),
        )


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    async for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


async def test_events_are_the_stats_as_they_change_until_the_campaign_is_final(
    served: Served, world: World, ledger: Ledger
) -> None:
    path = f"/v1/campaigns/{world.campaign_id}"
    async with asyncio.timeout(PATIENCE_SECONDS), served.client.stream("GET", f"{path}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = _events(answer.aiter_lines())
        first = await anext(events)
        assert first.keys() == (await served.client.get(f"{path}/stats")).json().keys()
        assert (first["pending"], first["progress"]) == (10, 0)
        _record(ledger, world, accepted=4)
        assert (await anext(events))["progress"] == 40
        _complete(ledger, world)
        last = [event async for event in events][-1]
    assert (last["status"], last["success"], last["progress"]) == ("completed", 10, 100)


async def test_a_final_campaign_has_one_event(served: Served, world: World, ledger: Ledger) -> None:
    _complete(ledger, world)
    async with asyncio.timeout(PATIENCE_SECONDS):
        answer = await served.client.get(f"/v1/campaigns/{world.campaign_id}/events")
    assert answer.text.count("event: stats\n") == 1


async def test_a_quiet_stream_shows_signs_of_life(
    served: Served, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT_SECONDS", 0.1)
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        served.client.stream("GET", f"/v1/campaigns/{world.campaign_id}/events") as answer,
    ):
        lines = answer.aiter_lines()
        while not (await anext(lines)).startswith(":"):
            pass


async def test_listeners_share_one_watch_and_the_last_to_leave_ends_it(served: Served, world: World) -> None:
    path = f"/v1/campaigns/{world.campaign_id}/events"
    async with asyncio.timeout(PATIENCE_SECONDS):
        async with served.client.stream("GET", path) as one, served.client.stream("GET", path) as other:
            await anext(one.aiter_lines())
            await anext(other.aiter_lines())
            assert len(served.feed._watches) == 1
        await asyncio.to_thread(wait_until, lambda: not served.feed._watches, "nobody watches", within=PATIENCE_SECONDS)


async def test_a_stopping_api_ends_its_streams_and_waits_at_once(served: Served, world: World) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS / 3):
        waiting = asyncio.create_task(served.client.get(f"/v1/tasks/{world.campaign_id}", params={"wait": 30}))
        async with served.client.stream("GET", f"/v1/campaigns/{world.campaign_id}/events") as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            served.server.should_exit = True
            async for _ in lines:
                pass
        assert (await waiting).json()["status"] == "STARTED"
        await asyncio.wait({served.serving})

"""The live account: closed batches from the campaign's row, open ones added, and it adds up at every moment."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from psycopg.types.json import Jsonb

from fanfare_api.bulk.rates import RecentRates
from fanfare_api.campaigns.stats import STATS
from fanfare_shared.contracts.words import Outcome
from fanfare_shared.db.connection import Ledger, the_row
from fanfare_shared.ids import uuid7
from fanfare_shared.testing.world import World, add_batch

Change = Callable[..., None]


@pytest.fixture
def change(ledger: Ledger) -> Change:
    """`change("batches", id, accepted=3)`: writes columns of a row."""

    def change(table: str, row_id: Any, **columns: Any) -> None:
        key = "campaign_id" if table == "campaign_plans" else "id"
        settings = ", ".join(f"{name} = %({name})s" for name in columns)
        with ledger.transaction() as connection:
            connection.execute(f"UPDATE {table} SET {settings} WHERE {key} = %(row_id)s", columns | {"row_id": row_id})

    return change


async def _stats(client: httpx.AsyncClient, campaign_id: UUID) -> dict[str, Any]:
    answer = await client.get(f"/v1/campaigns/{campaign_id}/stats")
    assert answer.status_code == 200, answer.text
    stats: dict[str, Any] = answer.json()
    assert stats["total_recipients"] == sum(stats[name] for name in ("pending", *COUNTED)) + stats["success"]
    return stats


COUNTED = [outcome.value for outcome in Outcome if outcome is not Outcome.ACCEPTED]


async def test_before_planning_the_total_is_zero_and_progress_not_known(
    client: httpx.AsyncClient, world: World, ledger: Ledger
) -> None:
    with ledger.transaction() as connection:
        connection.execute("DELETE FROM campaign_plans")
    stats = await _stats(client, world.campaign_id)
    assert (stats["total_recipients"], stats["progress"], stats["pending"]) == (0, None, 0)


async def test_while_planning_total_grows_and_progress_is_not_known(
    client: httpx.AsyncClient, world: World, change: Change
) -> None:
    change("campaign_plans", world.campaign_id, planned_at=None)
    stats = await _stats(client, world.campaign_id)
    assert (stats["total_recipients"], stats["progress"], stats["pending"]) == (10, None, 10)


async def test_a_published_batch_is_pending(client: httpx.AsyncClient, world: World) -> None:
    stats = await _stats(client, world.campaign_id)
    assert (stats["total_recipients"], stats["pending"], stats["progress"], stats["sent"]) == (10, 10, 0, 0)
    assert stats["batches"] == {"planned": 1, "published": 1, "leased": 0, "set_aside": 0}


@pytest.mark.parametrize("status", ["leased", "published", "ready", "set_aside"])
async def test_what_an_open_batch_has_recorded_counts_at_once_whatever_its_status(
    client: httpx.AsyncClient, world: World, change: Change, status: str
) -> None:
    change(
        "batches",
        world.batch_id,
        status=status,
        epoch=1,
        started=6,
        accepted=3,
        invalid_token=1,
        unknown=1,
        errors=Jsonb({"UNREGISTERED": 1, "TIMEOUT": 1}),
    )
    stats = await _stats(client, world.campaign_id)
    assert (stats["success"], stats["failure"], stats["sent"]) == (3, 2, 5)
    assert (stats["pending"], stats["progress"]) == (5, 50)
    assert stats["errors"] == {"UNREGISTERED": 1, "TIMEOUT": 1}


async def test_closed_batches_count_from_the_campaigns_row_and_follow_ups_stay_pending(
    client: httpx.AsyncClient, world: World, change: Change, ledger: Ledger
) -> None:
    change("batches", world.batch_id, status="closed", epoch=1, started=10, accepted=6, failed=1, expired=1)
    change("campaigns", world.campaign_id, settled=8, accepted=6, failed=1, expired=1, errors=Jsonb({"INTERNAL": 1}))
    with ledger.transaction() as connection:
        follow_up = add_batch(connection, world.app_id, world.campaign_id, world.device_ids[8:], status="ready")
    stats = await _stats(client, world.campaign_id)
    assert (stats["pending"], stats["success"], stats["failure"], stats["progress"]) == (2, 6, 1, 80)
    change("batches", follow_up, status="leased", epoch=1, started=2, failed=1, errors=Jsonb({"INTERNAL": 1}))
    stats = await _stats(client, world.campaign_id)
    assert (stats["pending"], stats["failed"], stats["errors"]) == (1, 2, {"INTERNAL": 2})
    assert stats["batches"]["leased"] == 1


async def test_a_campaign_nobody_matches_is_complete_at_100(
    client: httpx.AsyncClient, world: World, change: Change, ledger: Ledger
) -> None:
    with ledger.transaction() as connection:
        connection.execute("DELETE FROM batches")
    change("campaign_plans", world.campaign_id, total=0, batches=0)
    change("campaigns", world.campaign_id, status="completed", completed_at=datetime.now(UTC))
    stats = await _stats(client, world.campaign_id)
    assert (stats["total_recipients"], stats["progress"], stats["eta_seconds"]) == (0, 100, None)


async def test_the_final_rate_is_the_mean_of_the_whole_run(
    client: httpx.AsyncClient, world: World, change: Change
) -> None:
    ended = datetime.now(UTC)
    change("batches", world.batch_id, status="closed")
    change(
        "campaigns",
        world.campaign_id,
        status="completed",
        started_at=ended - timedelta(seconds=5),
        completed_at=ended,
        settled=10,
        accepted=10,
    )
    stats = await _stats(client, world.campaign_id)
    assert (stats["rate_per_second"], stats["eta_seconds"], stats["progress"]) == (2, None, 100)


async def test_the_eta_follows_from_the_rate(client: httpx.AsyncClient, world: World, change: Change) -> None:
    change("campaigns", world.campaign_id, started_at=datetime.now(UTC) - timedelta(seconds=10))
    change("batches", world.batch_id, status="leased", epoch=1, started=5, accepted=5)
    began = time.monotonic()
    stats = await _stats(client, world.campaign_id)
    took = 1 + time.monotonic() - began
    assert 5 / (10 + took) - 0.1 <= stats["rate_per_second"] <= 0.6
    assert 8 <= stats["eta_seconds"] <= 12 + took


async def test_an_unknown_campaign_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/v1/campaigns/{uuid7()}/stats")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


def test_the_price_is_that_of_the_claimed_batches_however_many_wait(world: World, ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        connection.execute(
            "INSERT INTO batches (campaign_id, app_id, priority, device_ids, size, status) "
            "SELECT %s, %s, 'normal', '{1}', 1, 'ready' FROM generate_series(1, 10000)",
            (world.campaign_id, world.app_id),
        )
        connection.execute("ANALYZE batches")
        statement = str(STATS).replace(":id", f"'{world.campaign_id}'")
        (plan,) = the_row(connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"))
    scans = [node for node in _nodes(plan[0]["Plan"]) if node.get("Relation Name") == "batches"]
    assert len(scans) == 2
    assert all(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) <= 1 for node in scans)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


def test_a_recent_rate_forgets_what_was_before_its_window() -> None:
    rates, campaign_id, start = RecentRates(), uuid7(), datetime(2026, 1, 1, tzinfo=UTC)
    assert rates.observe(campaign_id, start, 0) is None
    assert rates.observe(campaign_id, start + timedelta(seconds=10), 1000) == 100
    assert rates.observe(campaign_id, start + timedelta(seconds=20), 1000) == 0


def test_a_recent_rate_does_not_mind_how_often_it_is_asked() -> None:
    rates, campaign_id, start = RecentRates(), uuid7(), datetime(2026, 1, 1, tzinfo=UTC)
    for milliseconds in range(5000):
        rate = rates.observe(campaign_id, start + timedelta(milliseconds=milliseconds), milliseconds)
    assert rate == pytest.approx(1000)

"""How the fleet answers while a `low` campaign to a million devices is being sent."""

import statistics
import time

from bench.campaigns import tokens
from bench.context import UNBOUNDED_QUOTA, Bench
from bench.report import Figure, table
from harness.fleet import Fleet

MANY, FEW = 1_000_000, 100
_LOOKS = 60


def run(bench: Bench) -> list[Figure]:
    with bench.fleet_to_sink("responsiveness") as (fleet, _):
        fleet.start_api()
        fleet.start_orchestrator()
        fleet.start_push_worker("high", concurrency=1)
        fleet.start_push_worker("low", concurrency=2)
        app = fleet.client.create_app(fleet.credentials, UNBOUNDED_QUOTA)
        fleet.client.import_devices(app, tokens(MANY))
        alone = _stats_latency(fleet, _small(fleet, app))
        low = fleet.client.create_campaign(app, priority="low")
        fleet.client.send(low)
        fleet.client.wait_for_sent(low, 20_000)
        sending, high = _time_high(fleet, app)
        during = _stats_latency(fleet, low)
        if fleet.client.stats(low)["status"] != "processing":
            raise RuntimeError("the low campaign ended before everything was measured")
        fleet.client.wait_for_status(low, seconds=900)
    table(
        f"While a low campaign to {MANY:,} devices is being sent",
        ("", "ms"),
        [
            ("POST …/send of a high campaign", f"{sending * 1000:.1f}"),
            (f"a high campaign to {FEW} devices, send to completed", f"{high * 1000:.0f}"),
            ("GET …/stats of it, median", f"{during * 1000:.1f}"),
            (f"GET …/stats of a campaign to {FEW}, nothing else running, median", f"{alone * 1000:.1f}"),
        ],
    )
    return [
        Figure(f"high campaign to {FEW} during the million", f"{high:.2f} s", "at most 2 s", high <= 2),
        Figure("GET …/stats during the million", f"{during * 1000:.1f} ms", "under 20 ms", during < 0.020),
        Figure("POST …/send", f"{sending * 1000:.1f} ms", "under 100 ms", sending < 0.100),
    ]


def _small(fleet: Fleet, app: str) -> str:
    """A finished campaign to a hundred users."""
    campaign = fleet.client.create_campaign(app, priority="high", target={"user_ids": _users()})
    fleet.client.send(campaign)
    fleet.client.wait_for_status(campaign)
    return campaign


def _users() -> list[str]:
    return [f"user-{number}" for number in range(FEW)]


def _time_high(fleet: Fleet, app: str) -> tuple[float, float]:
    campaign = fleet.client.create_campaign(app, priority="high", target={"user_ids": _users()})
    started = time.perf_counter()
    fleet.client.send(campaign)
    sent = time.perf_counter() - started
    fleet.client.wait_for_status(campaign)
    return sent, time.perf_counter() - started


def _stats_latency(fleet: Fleet, campaign: str) -> float:
    """The median of so many calls, seconds."""
    found = []
    for _ in range(_LOOKS):
        started = time.perf_counter()
        fleet.client.stats(campaign)
        found.append(time.perf_counter() - started)
    return statistics.median(found)

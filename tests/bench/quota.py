"""Four workers on a small quota for three minutes: never over it in any minute, and nearly all of it used."""

from bench.campaigns import tokens
from bench.context import Bench
from bench.report import Figure, table
from fanfare_shared.testing.polling import until
from harness.fleet import Fleet

QUOTA = 120_000
MINUTES = 3
WORKERS = 4
_DEVICES = QUOTA * (MINUTES + 1)


def run(bench: Bench) -> list[Figure]:
    with bench.fleet("quota") as fleet:
        fleet.simulator.script(quota={"per_minute": QUOTA}, latency={"ms": 80})
        fleet.start_api()
        fleet.start_orchestrator()
        for number in range(WORKERS):
            fleet.start_push_worker("normal", concurrency=1, name=f"push-worker-{number}")
        app = fleet.client.create_app(fleet.credentials, QUOTA)
        fleet.client.import_devices(app, tokens(_DEVICES))
        campaign = fleet.client.create_campaign(app)
        fleet.client.send(campaign)
        fleet.client.wait_for_sent(campaign, 1)
        until(f"{MINUTES} minutes of sending", lambda: _span(fleet) >= MINUTES * 60, MINUTES * 60 + 60, every=1)
        timeline = fleet.simulator.timeline(fleet.project)
        fleet.client.act(campaign, "cancel")
        fleet.client.wait_for_status(campaign, seconds=120)
    first = timeline.buckets[0][0]
    within = sum(admitted for start, admitted, _ in timeline.buckets if start < first + MINUTES * 60_000)
    mean = within / MINUTES
    table(
        f"Quota {QUOTA:,} a minute, {WORKERS} workers, {MINUTES} minutes",
        ("mean a minute", "most in any 60 s", "answered 429"),
        [(f"{mean:,.0f}", f"{timeline.peak_window:,}", f"{timeline.refused_share:.4%}")],
    )
    return [
        Figure(
            "most in any 60 s, of the quota",
            f"{timeline.peak_window / QUOTA:.3f}",
            "at most 1",
            timeline.peak_window <= QUOTA,
        ),
        Figure("mean, of the quota", f"{mean / QUOTA:.3f}", "at least 0.95", mean >= 0.95 * QUOTA),
        Figure("answered 429", f"{timeline.refused_share:.4%}", "under 0.1%", timeline.refused_share < 0.001),
    ]


def _span(fleet: Fleet) -> float:
    counts = fleet.simulator.counts()
    return (counts.last_received_at or 0) - (counts.first_received_at or 0)

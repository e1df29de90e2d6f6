"""One campaign on a fleet whose push-workers an autoscaler starts and stops: from one worker to the most, and back."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from chaos.account import Account, count_account

from bench import bare_loop
from bench.campaigns import tokens
from fanfare_shared.testing.environment import ServerAddresses
from fanfare_shared.testing.polling import until
from harness.client import FINAL
from harness.fleet import Fleet, fleet_on
from harness.prometheus import Prometheus, prometheus_of
from rehearsal.external_metrics import ExternalMetrics
from rehearsal.loop import SYNC_SECONDS, Loop, Sync
from rehearsal.manifests import Rendered
from rehearsal.pods import Moment, Pods, Stop

_START_SECONDS = 180


class Point(NamedTuple):
    """`at`: epoch seconds."""

    at: float
    value: float


@dataclass(frozen=True)
class Scenario:
    """`settings` are the fleet's own; a pod's come from its manifest. `limit_seconds` bound it from `send` to the end.

    `bare_windows`: how many windows full the bare loop sends that a worker's rate is held against.
    """

    rendered: Rendered
    devices: int = 1_000_000
    latency_ms: int = 80
    quota_per_minute: int = 600_000
    sync_seconds: float = SYNC_SECONDS
    limit_seconds: float = 17 * 60
    bare_windows: int = 60
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def window(self) -> int:
        """Requests that one pod has in flight."""
        return int(self.rendered.container.settings["FANFARE_PUSH_WINDOW"])


@dataclass(frozen=True)
class Outcome:
    """What was seen. Times are epoch seconds; rates, messages a second as the simulator admitted them."""

    scenario: Scenario
    sent_at: float
    completed_at: float
    ended_at: float
    syncs: list[Sync]
    moments: list[Moment]
    stops: list[Stop]
    depth: list[Point]
    rate: list[Point]
    bare_rate: float
    account: Account


def rehearse(
    scenario: Scenario, servers: ServerAddresses, folder: Path, report: Callable[[Sync], None] = lambda _: None
) -> Outcome:
    """Raises TimeoutError where it takes longer than the scenario allows, and AssertionError for a wrong account."""
    with ExitStack() as stack:
        fleet = stack.enter_context(fleet_on(servers, folder, **scenario.settings))
        fleet.with_metrics = True
        fleet.start_simulator()
        fleet.simulator.script(latency={"ms": scenario.latency_ms})
        bare_rate = _bare_rate(scenario, fleet)
        fleet.start_api()
        fleet.start_orchestrator()
        devices = list(tokens(scenario.devices, "rehearsal"))
        app = fleet.client.create_app(fleet.credentials, scenario.quota_per_minute)
        fleet.client.import_devices(app, devices)
        campaign = fleet.client.create_campaign(app)
        prometheus = stack.enter_context(
            prometheus_of(fleet, servers, folder / "prometheus", scrape_interval=scenario.rendered.scrape_interval)
        )
        metrics = ExternalMetrics(scenario.rendered.rules, prometheus.url)
        stack.callback(metrics.close)
        pods = stack.enter_context(Pods(fleet, scenario.rendered.container))
        loop = Loop(scenario.rendered, metrics, pods, scenario.sync_seconds, report)
        _start(loop)
        sent_at = time.time()
        fleet.client.send(campaign)
        stats = _until_back(loop, fleet, campaign, scenario)
        ended_at = time.time()
        with closing(fleet.ledger()) as ledger, ledger.transaction() as connection:
            seconds = _epoch(stats["completed_at"]) - sent_at
            account = count_account(connection, fleet.simulator, campaign, devices, stats, seconds)
        return Outcome(
            scenario=scenario,
            sent_at=sent_at,
            completed_at=_epoch(stats["completed_at"]),
            ended_at=ended_at,
            syncs=loop.syncs,
            moments=pods.moments,
            stops=pods.stops,
            depth=_depth(prometheus, loop, sent_at, ended_at),
            rate=_rate(fleet),
            bare_rate=bare_rate,
            account=account,
        )


def _bare_rate(scenario: Scenario, fleet: Fleet) -> float:
    """Of a sender without ledger, broker and account, with one pod's window on one connection."""
    count = scenario.window * scenario.bare_windows
    measured = bare_loop.run(fleet.fcm_url, str(fleet.ca_file), count, 1, scenario.window, token=fleet.access_token())
    fleet.simulator.reset(script=False)
    return measured.answered / measured.seconds


def _start(loop: Loop) -> None:
    """The fewest replicas, ready, and a first sync that knows the queue to be empty."""
    loop.pods.scale(loop.rendered.autoscaler.min_replicas)

    def ready() -> bool:
        loop.pods.check()
        return loop.pods.settled

    until("the fewest pods are ready", ready, _START_SECONDS)
    until("the queue is known to be empty", lambda: loop.readings() == [0], _START_SECONDS)
    loop.run_until("a first sync", lambda: bool(loop.syncs), _START_SECONDS)


def _until_back(loop: Loop, fleet: Fleet, campaign: str, scenario: Scenario) -> dict[str, Any]:
    """Until the campaign has ended, as few replicas are wanted as at the start, and all others are gone; its stats."""
    stats: dict[str, Any] = {}

    def back() -> bool:
        nonlocal stats
        stats = fleet.client.stats(campaign)
        least = loop.rendered.autoscaler.min_replicas
        return stats["status"] in FINAL and loop.pods.replicas == least and loop.pods.settled

    loop.run_until("the campaign has ended, and its workers with it", back, scenario.limit_seconds)
    return stats


def _depth(prometheus: Prometheus, loop: Loop, start: float, end: float) -> list[Point]:
    """As the autoscaler could have read it every second."""
    (query,) = loop.queries()
    if query is None:
        return []
    (series,) = prometheus.query_range(query, start - loop.sync_seconds, end, 1)
    return [Point(float(at), float(value)) for at, value in series["values"]]


def _rate(fleet: Fleet) -> list[Point]:
    """Second by second, from the first to the last that had traffic."""
    seconds: dict[int, int] = {}
    for start_ms, admitted, _ in fleet.simulator.timeline(fleet.project).buckets:
        seconds[start_ms // 1000] = seconds.get(start_ms // 1000, 0) + admitted
    if not seconds:
        return []
    return [Point(float(second), seconds.get(second, 0)) for second in range(min(seconds), max(seconds) + 1)]


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()

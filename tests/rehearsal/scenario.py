"""A backlog on a fleet whose push-workers an autoscaler starts and stops: from the fewest to the most, and back.

When the backlog is sent, another project's campaign begins at a trickle that the fewest workers can send. So the workers
are stopped while messages are under way, as they are where there is always something to send.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from bench import bare_loop
from fanfare_shared.testing.environment import ServerAddresses
from fanfare_shared.testing.polling import until
from harness.fleet import Fleet, fleet_on
from harness.processes import Process
from harness.prometheus import Prometheus, prometheus_of
from rehearsal.external_metrics import ExternalMetrics
from rehearsal.load import Campaign, Load, Point, Sent
from rehearsal.loop import SYNC_SECONDS, Loop, Sync
from rehearsal.manifests import Rendered
from rehearsal.pods import Moment, Pods, Stop

BACKLOG = Load("backlog", devices=1_000_000, quota_per_minute=600_000)
TRICKLE = Load("trickle", devices=165_000, quota_per_minute=18_000)
"""300 a second for nine minutes: about as long as the autoscaler takes from nine workers to one."""

_START_SECONDS = 180
_LEASED = "SELECT worker FROM batches WHERE status = 'leased'"


@dataclass(frozen=True)
class Scenario:
    """`settings` are the fleet's own; a pod's come from its manifest. `limit_seconds` bound it from `send` to the end.

    `bare_windows`: how many windows full the bare loop sends that a worker's rate is held against.
    """

    rendered: Rendered
    backlog: Load = BACKLOG
    trickle: Load = TRICKLE
    latency_ms: int = 80
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
    """What was seen. Times are epoch seconds; `bare_rate`: messages a second."""

    scenario: Scenario
    backlog: Sent
    trickle: Sent
    ended_at: float
    syncs: list[Sync]
    moments: list[Moment]
    stops: list[Stop]
    depth: list[Point]
    bare_rate: float


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
        backlog, trickle = Campaign(fleet, scenario.backlog), Campaign(fleet, scenario.trickle)
        prometheus = stack.enter_context(
            prometheus_of(fleet, servers, folder / "prometheus", scrape_interval=scenario.rendered.scrape_interval)
        )
        metrics = ExternalMetrics(scenario.rendered.rules, prometheus.url)
        stack.callback(metrics.close)
        pods = stack.enter_context(Pods(fleet, scenario.rendered.container, lambda process: _sends(fleet, process)))
        loop = Loop(scenario.rendered, metrics, pods, scenario.sync_seconds, report)
        _start(loop)
        backlog.send()
        loop.run_until("the backlog is sent", lambda: backlog.ended, scenario.limit_seconds)
        trickle.send()
        left = scenario.limit_seconds - (time.time() - backlog.sent_at)
        loop.run_until("as few workers as at the start", lambda: _is_back(loop) and trickle.ended, left)
        ended_at = time.time()
        return Outcome(
            scenario=scenario,
            backlog=backlog.sent(),
            trickle=trickle.sent(),
            ended_at=ended_at,
            syncs=loop.syncs,
            moments=pods.moments,
            stops=pods.stops,
            depth=_depth(prometheus, loop, ended_at),
            bare_rate=bare_rate,
        )


def _bare_rate(scenario: Scenario, fleet: Fleet) -> float:
    """Of a sender without ledger, broker and account, with one pod's window on one connection."""
    count = scenario.window * scenario.bare_windows
    measured = bare_loop.run(fleet.fcm_url, str(fleet.ca_file), count, 1, scenario.window, token=fleet.access_token())
    fleet.simulator.reset(script=False)
    return measured.answered / measured.seconds


def _sends(fleet: Fleet, process: Process) -> bool:
    """Whether a batch is leased to one of the process's children."""
    with closing(fleet.ledger()) as ledger, ledger.statement() as connection:
        owners = {int(worker.rpartition(":")[2]) for (worker,) in connection.execute(_LEASED)}
    return bool(owners & process.pids)


def _start(loop: Loop) -> None:
    """The fewest replicas, ready, and a first sync that knows the queue to be empty."""
    loop.pods.scale(loop.rendered.autoscaler.min_replicas)

    def ready() -> bool:
        loop.pods.check()
        return loop.pods.settled

    until("the fewest pods are ready", ready, _START_SECONDS)
    until("the queue is known to be empty", lambda: loop.readings() == [0], _START_SECONDS)
    loop.run_until("a first sync", lambda: bool(loop.syncs), _START_SECONDS)


def _is_back(loop: Loop) -> bool:
    return loop.pods.replicas == loop.rendered.autoscaler.min_replicas and loop.pods.settled


def _depth(prometheus: Prometheus, loop: Loop, end: float) -> list[Point]:
    """As the autoscaler could have read it every second."""
    (query,) = loop.queries()
    if query is None:
        return []
    (series,) = prometheus.query_range(query, loop.syncs[0].at, end, 1)
    return [Point(float(at), float(value)) for at, value in series["values"]]

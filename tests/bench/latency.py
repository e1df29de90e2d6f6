"""At FCM's real latency one worker process is to keep a window in flight about as well as the bare loop does."""

from bench import bare_loop
from bench.campaigns import measure, tokens
from bench.context import UNBOUNDED_QUOTA, Bench
from bench.report import Figure, table
from harness.fleet import Fleet

LATENCY_MS = 80
# Window in flight, and the connections it needs at FCM's 100 streams each.
WINDOWS = {200: 2, 500: 5, 1000: 10}
_WINDOWS_SENT = 80
_WANTED = 0.7


def run(bench: Bench) -> list[Figure]:
    found = [_at(bench, window, connections) for window, connections in WINDOWS.items()]
    table(
        f"One worker process at {LATENCY_MS} ms",
        ("window", "connections", "bare loop/s", "Fanfare/s", "ratio"),
        [
            (window, connections, f"{bare:,.0f}", f"{ours:,.0f}", f"{ours / bare:.2f}")
            for window, connections, bare, ours in found
        ],
    )
    return [
        Figure(
            f"rate at {LATENCY_MS} ms, window {window}, of the bare loop's",
            f"{ours / bare:.2f}",
            f"at least {_WANTED}",
            ours / bare >= _WANTED,
        )
        for window, _, bare, ours in found
    ]


def _at(bench: Bench, window: int, connections: int) -> tuple[int, int, float, float]:
    settings = {"FANFARE_PUSH_WINDOW": str(window), "FANFARE_PUSH_CONNECTIONS": str(connections)}
    with bench.fleet(f"latency-{window}", **settings) as fleet:
        fleet.simulator.script(latency={"ms": LATENCY_MS})
        devices = window * _WINDOWS_SENT
        bare = _bare(fleet, devices, connections, window)
        fleet.start_api()
        fleet.start_orchestrator()
        fleet.start_push_worker("normal", concurrency=1)
        app = fleet.client.create_app(fleet.credentials, UNBOUNDED_QUOTA)
        fleet.client.import_devices(app, tokens(devices))
        measure(fleet, bench.servers, app, devices)  # the first one makes the connections, and is not counted
        return window, connections, bare, measure(fleet, bench.servers, app, devices).rate


def _bare(fleet: Fleet, count: int, connections: int, window: int) -> float:
    measured = bare_loop.run(fleet.fcm_url, str(fleet.ca_file), count, connections, window, token=fleet.access_token())
    return measured.answered / measured.seconds

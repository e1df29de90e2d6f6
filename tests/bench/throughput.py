"""A million devices from `send` to `completed` on this machine, beside the bare loop and firebase-admin's `send_each`."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench.bare_loop import Measured
from bench.campaigns import SERVICES, Campaign, measure, tokens
from bench.context import UNBOUNDED_QUOTA, Bench
from bench.report import Figure, table
from harness.fleet import ROOT, Fleet

FEW, MANY = 100_000, 1_000_000
_BARE_COUNT = 300_000
_SEND_EACH_COUNT = 3_000


# What suits a sink that answers at once: few journal writes, and one process more than cores, for one waits for its write.
SETTINGS = {"FANFARE_PUSH_WINDOW": "1000", "FANFARE_PUSH_CHUNK_SIZE": "500"}
WORKER_PROCESSES = 3


def run(bench: Bench) -> list[Figure]:
    with bench.fleet_to_sink("throughput", **SETTINGS) as (fleet, sink):
        bare = {processes: _bare(sink.url, fleet.ca_file, processes) for processes in (1, 2)}
        peer = _send_each(sink.url, fleet)
        fleet.start_api()
        fleet.start_orchestrator()
        fleet.start_push_worker("normal", concurrency=WORKER_PROCESSES)
        app = fleet.client.create_app(fleet.credentials, UNBOUNDED_QUOTA, "few")
        fleet.client.import_devices(app, tokens(FEW))
        measure(fleet, bench.servers, app, FEW)  # the first one warms connections and caches, and is not counted
        few = measure(fleet, bench.servers, app, FEW)
        started = time.perf_counter()
        fleet.client.import_devices(app, tokens(MANY))
        imported = time.perf_counter() - started
        many = measure(fleet, bench.servers, app, MANY)
    _report(bare, peer, few, many, imported)
    best = max(bare.values(), key=lambda measured: measured.answered / measured.seconds)
    best_rate = best.answered / best.seconds
    best_cpu = min(measured.cpu_seconds / measured.answered for measured in bare.values()) * 1e6
    growth = many.cpu_microseconds / few.cpu_microseconds
    return [
        _figure("rate, of the bare loop's", many.rate / best_rate, 0.5, at_least=True),
        _figure("CPU a message, of the bare loop's", many.cpu_microseconds / best_cpu, 2.5),
        Figure("CPU a message, 1,000,000 to 100,000", f"{growth:.2f}", "0.85 to 1.15", abs(growth - 1) <= 0.15),
        *[
            _figure(f"peak memory of {name}, 1,000,000 to 100,000", many.peak_bytes[name] / few.peak_bytes[name], 1.1)
            for name in ("orchestrator", "push-worker")
        ],
        Figure("import of 1,000,000 devices", f"{imported:.1f} s", "at most 60 s", imported <= 60),
    ]


def _figure(name: str, reached: float, bound: float, *, at_least: bool = False) -> Figure:
    met = reached >= bound if at_least else reached <= bound
    return Figure(name, f"{reached:.2f}", f"{'at least' if at_least else 'at most'} {bound}", met)


def _bare(url: str, ca: Path, processes: int) -> Measured:
    """The bare loop in so many processes at once: the slowest one's time, everyone's CPU."""
    each = _BARE_COUNT // processes
    command = [sys.executable, "-m", "bench.bare_loop", url, str(ca), str(each), "2", "200"]
    running = [
        subprocess.Popen([*command, str(number * each)], cwd=ROOT / "tests", stdout=subprocess.PIPE, text=True)
        for number in range(processes)
    ]
    found = [Measured(**json.loads(process.communicate()[0])) for process in running]
    return Measured(
        max(measured.seconds for measured in found),
        sum(measured.cpu_seconds for measured in found),
        sum(measured.answered for measured in found),
    )


def _send_each(url: str, fleet: Fleet) -> Measured:
    program = "import json, sys; from bench import send_each; url, account, count = sys.argv[1:]; "
    program += "print(json.dumps(vars(send_each.run(url, json.loads(account), int(count)))))"
    printed = subprocess.run(
        [sys.executable, "-c", program, url, json.dumps(fleet.credentials), str(_SEND_EACH_COUNT)],
        cwd=ROOT / "tests",
        env={**os.environ, "REQUESTS_CA_BUNDLE": str(fleet.ca_file), "SSL_CERT_FILE": str(fleet.ca_file)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    return Measured(**json.loads(printed))


def _report(bare: dict[int, Measured], peer: Measured, few: Campaign, many: Campaign, imported: float) -> None:
    def line(name: str, measured: Measured) -> tuple[str, str, str]:
        rate, cpu = measured.answered / measured.seconds, measured.cpu_seconds / measured.answered * 1e6
        return name, f"{rate:,.0f}", f"{cpu:.1f}"

    def ours(name: str, campaign: Campaign) -> tuple[str, str, str]:
        return name, f"{campaign.rate:,.0f}", f"{campaign.cpu_microseconds:.1f}"

    table(
        f"Sending, to nginx on the same machine ({WORKER_PROCESSES} worker processes, window and chunk "
        f"{SETTINGS['FANFARE_PUSH_WINDOW']} and {SETTINGS['FANFARE_PUSH_CHUNK_SIZE']})",
        ("sender", "messages/s", "CPU µs a message"),
        [
            *[line(f"bare loop, {processes} process(es)", measured) for processes, measured in bare.items()],
            line("firebase-admin send_each", peer),
            ours(f"Fanfare, {few.devices:,} devices", few),
            ours(f"Fanfare, {many.devices:,} devices", many),
        ],
    )
    names = [*SERVICES, *many.server_cpu]
    table(
        f"Where the CPU goes, of {many.devices:,} devices (import before that: {imported:.1f} s)",
        ("process", "CPU µs a message", "peak MiB at 100,000", "peak MiB at 1,000,000"),
        [
            (
                name,
                f"{(many.cpu | many.server_cpu)[name] / many.devices * 1e6:.1f}",
                *[
                    f"{campaign.peak_bytes[name] / 2**20:.0f}" if name in campaign.peak_bytes else ""
                    for campaign in (few, many)
                ],
            )
            for name in names
        ],
    )

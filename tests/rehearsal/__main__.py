"""`make rehearse`: a backlog of a million pushes, its workers started and stopped by the rendered autoscaler.

Prints every sync, draws docs/rehearsal.svg, writes the table of docs/rehearsal.md. Takes about a quarter of an hour.
"""

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench import report
from fanfare_shared.testing.environment import server_addresses
from harness.fleet import ROOT
from rehearsal import page, picture
from rehearsal.figures import date, figures
from rehearsal.loop import Sync
from rehearsal.manifests import Rendered
from rehearsal.scenario import BACKLOG, Scenario, rehearse

_AUTOSCALER = "push-worker-normal"
_DOCS = ROOT / "docs"


def main() -> int:
    """Exit status 0 when every figure is as it was to be."""
    parser = argparse.ArgumentParser(prog="rehearsal", description=__doc__)
    parser.add_argument("--devices", type=int, default=BACKLOG.devices, help="of the backlog; default: %(default)s")
    parser.add_argument("--docs", type=Path, default=_DOCS, help="the folder of rehearsal.md and its picture")
    arguments = parser.parse_args()
    scenario = Scenario(Rendered.of(_AUTOSCALER), replace(BACKLOG, devices=arguments.devices))
    load = os.getloadavg()[0]
    print(f"importing {scenario.backlog.devices + scenario.trickle.devices:,} devices", flush=True)
    with tempfile.TemporaryDirectory(prefix="fanfare-rehearsal-") as folder:
        outcome = rehearse(scenario, server_addresses(), Path(folder), _print_sync)
    found = figures(outcome)
    picture.draw(outcome, arguments.docs / "rehearsal.svg")
    summary = (
        f"{date(outcome)}, {scenario.backlog.devices:,} devices at {scenario.latency_ms} ms, {os.cpu_count()} cores; "
        f"load average before it: {load:.1f}."
    )
    page.write(arguments.docs / "rehearsal.md", summary, found)
    report.figures(found)
    return 0 if all(figure.met for figure in found) else 1


def _print_sync(sync: Sync) -> None:
    decision = sync.decision
    depth = ", ".join("no reading" if reading is None else f"{reading:g}" for reading in sync.readings)
    asked = "" if decision.proposed is None else f", {decision.proposed} asked for"
    at = time.strftime("%H:%M:%S", time.localtime(sync.at))
    print(f"{at}  depth {depth}: {sync.replicas_before} -> {decision.replicas}{asked} ({decision.reason})", flush=True)


if __name__ == "__main__":
    sys.exit(main())

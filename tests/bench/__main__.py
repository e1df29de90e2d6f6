"""`make bench`, or `make bench ARGS="latency quota"` for some of it."""

import argparse
import sys
import tempfile
from pathlib import Path

from bench import images, latency, quota, report, responsiveness, sizing, throughput
from bench.context import Bench
from fanfare_shared.testing.environment import server_addresses

BENCHMARKS = {
    "throughput": throughput.run,
    "latency": latency.run,
    "responsiveness": responsiveness.run,
    "quota": quota.run,
    "images": images.run,
    "sizing": sizing.run,
}
"""What is measured when nothing is asked for."""
SELECTABLE = {**BENCHMARKS, **images.PARTS}


def main() -> int:
    """Exit status 0 when every figure was met."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="|".join(SELECTABLE), help="default: all")
    names = parser.parse_args().names or list(BENCHMARKS)
    unknown = set(names) - SELECTABLE.keys()
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    found: list[report.Figure] = []
    with tempfile.TemporaryDirectory(prefix="fanfare-bench-") as folder:
        bench = Bench(server_addresses(), Path(folder))
        for name in names:
            found.extend(SELECTABLE[name](bench))
    report.figures(found)
    return 0 if all(figure.met for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main())

"""How many sends a second the plain path carries: `python bench/plain_path.py` (needs h2load, taskset).

The simulator runs on one core and h2load on another, so the figure is requests a second of one core.
"""

import argparse
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fcm_simulator.process import RunningSimulator, running_simulator
from fcm_simulator.script import Latency

_REQUESTS = 300_000
_BODY = (
    '{"message":{"token":"bench-device-000000000000000000000000000000000000000001","notification":{"title":"Hello",'
    '"body":"A message of some three hundred bytes, as campaigns send them to their devices"},"data":{"campaign":'
    '"0192d1f0"},"android":{"priority":"HIGH","notification":{"tag":"0192d1f0"}}}}'
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=_REQUESTS)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--streams", type=int, default=100, help="in flight on each connection")
    arguments = parser.parse_args()
    if shutil.which("h2load") is None:
        sys.exit("h2load is missing: install the package nghttp2-client")
    with tempfile.TemporaryDirectory() as folder, running_simulator(Path(folder) / "state") as simulator:
        subprocess.run(
            ["taskset", "-a", "-c", "-p", "0", str(simulator.process.pid)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        simulator.client.script(latency=Latency(ms=arguments.latency_ms))
        body = Path(folder) / "body.json"
        body.write_text(_BODY)
        rate = _load(simulator, body, arguments)
        counts = simulator.client.counts()
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{rate:,.0f} sends a second on one core, {counts.accepted:,} accepted of {arguments.requests:,}")  # noqa: T201
    print(f"peak memory {cpu.ru_maxrss / 1024:,.0f} MiB")  # noqa: T201


def _load(simulator: RunningSimulator, body: Path, arguments: argparse.Namespace) -> float:
    command = ["taskset", "-c", "1", "h2load", "-n", str(arguments.requests), "-c", str(arguments.connections)]
    command += ["-m", str(arguments.streams), "-d", str(body), "-H", "content-type: application/json"]
    command += ["-H", f"authorization: Bearer {simulator.client.access_token()}"]
    output = subprocess.run(
        [*command, f"{simulator.url}/v1/projects/demo/messages:send"], check=True, capture_output=True, text=True
    ).stdout
    found = re.search(r"([\d.]+) req/s", output)
    if found is None:
        sys.exit(output)
    return float(found[1])


main()

"""Starts the real simulator as a process of its own, for test suites."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from fcm_simulator.client import SimulatorClient

# For a machine that is busy; an idle one takes a twentieth.
_START_SECONDS = 90.0
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.02
_told: set[int] = set()


class SimulatorStartError(RuntimeError):
    """The simulator did not get ready; the message is what it said."""


class RunningSimulator(NamedTuple):
    """A simulator that is ready; the URLs are without a path."""

    client: SimulatorClient
    url: str
    fault_url: str
    ca_file: Path
    process: subprocess.Popen[bytes]


@contextmanager
def running_simulator(state: Path, *options: str) -> Iterator[RunningSimulator]:
    """Runs a simulator on two free ports of 127.0.0.1 until the block ends. `options` go to `fcm-simulator serve`.

    Raises SimulatorStartError when it does not get ready.
    """
    port, fault_port = free_ports(2)
    state.mkdir(parents=True, exist_ok=True)
    log = state / "simulator.log"
    command = [sys.executable, "-m", "fcm_simulator", "serve", "--port", str(port), "--fault-port", str(fault_port)]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, "--state", str(state), *options], stdout=output, stderr=subprocess.STDOUT)
    try:
        client = _wait_until_ready(process, f"https://localhost:{port}", state / "ca.pem", log)
        with client:
            yield RunningSimulator(client, client.base_url, f"https://localhost:{fault_port}", client.ca_file, process)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nothing listened on a moment ago, and that this process was not told of before."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _told:
            _told.add(port)
            found.append(port)
    return found


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, ca_file: Path, log: Path) -> SimulatorClient:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SimulatorStartError(log.read_text())
        if ca_file.exists():
            client = SimulatorClient(url, ca_file)
            if client.healthy():
                return client
            client.close()
        time.sleep(_POLL_SECONDS)
    raise SimulatorStartError(f"not ready after {_START_SECONDS:.0f} s: {log.read_text()}")

"""A campaign measured from `POST …/send` to `completed`."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.servers import server_cpu
from fanfare_shared.testing.environment import ServerAddresses
from harness.client import adds_up
from harness.fleet import Fleet

SERVICES = ("api", "orchestrator", "push-worker")


@dataclass(frozen=True)
class Campaign:
    """One campaign's cost. CPU in seconds, memory in bytes (the largest process of each service)."""

    devices: int
    seconds: float
    cpu: dict[str, float]
    server_cpu: dict[str, float]
    peak_bytes: dict[str, int]
    stats: dict[str, Any]

    @property
    def rate(self) -> float:
        return self.devices / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """Of Fanfare's own processes, a message."""
        return sum(self.cpu.values()) / self.devices * 1e6


def tokens(count: int, prefix: str = "bench") -> Iterator[str]:
    """As long as FCM's are, about 150 characters."""
    padding = "x" * 140
    return (f"{prefix}-{number}-{padding}" for number in range(count))


def measure(fleet: Fleet, servers: ServerAddresses, app_id: str, devices: int, **fields: Any) -> Campaign:
    """Sends to the app's devices, of which there are `devices`. Raises RuntimeError unless all were accepted."""
    campaign_id = fleet.client.create_campaign(app_id, **fields)
    cpu, of_servers = _cpu(fleet), server_cpu(servers)
    started = time.perf_counter()
    fleet.client.send(campaign_id)
    stats = fleet.client.wait_for_status(campaign_id, seconds=900)
    seconds = time.perf_counter() - started
    if not adds_up(stats) or stats["success"] != devices:
        raise RuntimeError(f"the account is wrong: {stats}")
    after, of_servers_after = _cpu(fleet), server_cpu(servers)
    return Campaign(
        devices=devices,
        seconds=seconds,
        cpu={name: after[name] - cpu[name] for name in SERVICES},
        server_cpu={name: of_servers_after[name] - of_servers[name] for name in of_servers},
        peak_bytes=_peak(fleet),
        stats=stats,
    )


def _cpu(fleet: Fleet) -> dict[str, float]:
    seconds = dict.fromkeys(SERVICES, 0.0)
    for name, process in fleet.processes.items():
        service = _service(name)
        if service:
            seconds[service] += process.usage().cpu_seconds
    return seconds


def _peak(fleet: Fleet) -> dict[str, int]:
    peak = dict.fromkeys(SERVICES, 0)
    for name, process in fleet.processes.items():
        service = _service(name)
        if service:
            peak[service] = max(peak[service], process.usage().peak_bytes)
    return peak


def _service(process: str) -> str | None:
    return next((service for service in SERVICES if process.startswith(service)), None)

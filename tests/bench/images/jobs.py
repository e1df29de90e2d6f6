"""An image job measured from its request to its end, with what its workers cost meanwhile."""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fanfare_shared.testing.polling import until
from harness.fleet import Fleet
from harness.processes import Process

_FINAL = {"completed", "cancelled", "failed"}
_IDLE_SECONDS = 3.0


@dataclass(frozen=True)
class Job:
    """`seconds` from the request to the end; `cpu_seconds` of the worker's processes, what they use when idle taken off."""

    items: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.items / self.seconds

    @property
    def cpu_milliseconds(self) -> float:
        """An image."""
        return self.cpu_seconds / self.items * 1e3


def start(fleet: Fleet, folder: UUID, **request: Any) -> str:
    return str(fleet.client.post("/v1/image-jobs", target={"folder_id": str(folder)}, **request)["job_id"])


def stats(fleet: Fleet, job_id: str) -> dict[str, Any]:
    return fleet.client.get(f"/v1/image-jobs/{job_id}/stats")


def wait(fleet: Fleet, job_id: str, seconds: float = 300) -> dict[str, Any]:
    """The account at the job's end. Raises RuntimeError unless everything succeeded."""

    def look() -> dict[str, Any] | None:
        account = stats(fleet, job_id)
        return account if account["status"] in _FINAL else None

    account = until("the image job is over", look, seconds, every=0.1)
    if account["status"] != "completed" or account["succeeded"] != account["total"]:
        raise RuntimeError(f"the account is wrong: {account}")
    return account


def measure(fleet: Fleet, worker: Process, folder: UUID, *, idle: float = 0.0, **request: Any) -> Job:
    """`idle`: what the worker's processes use of a second while nothing is to be done, in CPU seconds."""
    cpu, began = worker.usage().cpu_seconds, time.perf_counter()
    account = wait(fleet, start(fleet, folder, **request))
    seconds = time.perf_counter() - began
    return Job(account["total"], seconds, worker.usage().cpu_seconds - cpu - idle * seconds)


def idle_cpu(worker: Process) -> float:
    """CPU seconds a second."""
    cpu, began = worker.usage().cpu_seconds, time.perf_counter()
    time.sleep(_IDLE_SECONDS)
    return (worker.usage().cpu_seconds - cpu) / (time.perf_counter() - began)

"""The worker of `shared/tests/worker/example_service.py`, as a test sees it: a process, its calls, log and metrics."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from fanfare_shared.contracts.messages import PlanCampaign
from fanfare_shared.testing.polling import wait_until
from fanfare_shared.worker.publisher import Publisher


@dataclass
class WorkerProcess:
    """The example service, running."""

    process: subprocess.Popen[bytes]
    folder: Path
    metrics_url: str
    publisher: Publisher

    @property
    def heartbeat(self) -> Path:
        return self.folder / "heartbeat"

    @property
    def ready_file(self) -> Path:
        return self.folder / "ready"

    def wait_until_connected(self) -> None:
        self._wait(self.ready_file.exists, "the worker is connected")

    def send(self, behaviour: str) -> str:
        """Publishes a message whose handler behaves so; the campaign's id."""
        message = PlanCampaign(campaign_id=uuid4(), request_id=behaviour)
        self.publisher.publish(message)
        return str(message.campaign_id)

    def calls(self) -> list[tuple[int, str, str]]:
        """The handler's calls so far: child's pid, campaign, behaviour."""
        file = self.folder / "calls"
        lines = _whole_lines(file.read_text()) if file.exists() else []
        return [(int(pid), campaign, behaviour) for pid, campaign, behaviour in (line.split() for line in lines)]

    def wait_for_calls(self, number: int) -> list[tuple[int, str, str]]:
        self._wait(lambda: len(self.calls()) >= number, f"{number} calls")
        return self.calls()

    def release(self) -> None:
        """Lets the handlers that hold end."""
        (self.folder / "release").touch()

    def output(self) -> str:
        return (self.folder / "log").read_text()

    def records(self) -> list[dict[str, Any]]:
        """The log so far, which must be JSON to the last line."""
        return [json.loads(line) for line in _whole_lines(self.output())]

    def metrics(self) -> str:
        return httpx.get(self.metrics_url, trust_env=False).raise_for_status().text

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """Ends the worker with its children, where it still runs."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _wait(self, holds: Callable[[], bool], what: str) -> None:
        try:
            wait_until(holds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; the worker said: {self.output()}") from None


def _whole_lines(text: str) -> list[str]:
    """Without one that is still being written."""
    return text.rpartition("\n")[0].splitlines()


StartWorker = Callable[..., WorkerProcess]

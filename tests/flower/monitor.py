"""A Flower process, asked and told over its HTTP API."""

import os
import secrets
import sys
from pathlib import Path
from typing import Any

import httpx

from fanfare_shared.testing.polling import until
from fanfare_shared.testing.ports import free_port
from harness.fleet import HOST, ROOT
from harness.processes import Process

FLOWER = ["celery", "--config", "celeryconfig", "flower"]
"""The command, wherever it runs: natively, in its image, and here."""
_START_SECONDS = 120


class Monitor:
    """Starts at once; use `close` when done. Its API asks for the password, as its pages do."""

    def __init__(self, broker_url: str, folder: Path) -> None:
        self.url = f"http://{HOST}:{free_port()}"
        self.password = secrets.token_urlsafe(12)
        environment = os.environ | {
            "PYTHONPATH": str(ROOT / "deploy" / "flower"),
            "CELERY_BROKER_URL": broker_url,
            "FLOWER_BASIC_AUTH": f"fanfare:{self.password}",
            "FLOWER_ADDRESS": HOST,
            "FLOWER_PORT": self.url.rpartition(":")[2],
        }
        program = str(Path(sys.executable).parent / FLOWER[0])
        self.process = Process("flower", [program, *FLOWER[1:]], environment, folder)
        self._http = httpx.Client(base_url=self.url, auth=("fanfare", self.password), timeout=60, trust_env=False)

    def wait_until_it_answers(self) -> None:
        until("Flower answers", self._answers, _START_SECONDS)

    def workers(self) -> dict[str, Any]:
        """By node name, what each worker says of itself when it is asked."""
        return dict(self._http.get("/api/workers", params={"refresh": 1}).raise_for_status().json())

    def tasks(self, **query: str) -> dict[str, dict[str, Any]]:
        """By id, what the events told of each task."""
        return dict(self._http.get("/api/tasks", params=query).raise_for_status().json())

    def revoke(self, task: str, **query: str) -> None:
        self._http.post(f"/api/task/revoke/{task}", params=query).raise_for_status()

    def page(self, path: str) -> str:
        return self._http.get(path).raise_for_status().text

    def close(self) -> None:
        self._http.close()
        self.process.kill()

    def _answers(self) -> bool:
        if not self.process.alive:
            raise RuntimeError(f"Flower ended by itself:\n{self.process.tail()}")
        try:
            return self._http.get("/api/task/types").is_success
        except httpx.TransportError:
            return False

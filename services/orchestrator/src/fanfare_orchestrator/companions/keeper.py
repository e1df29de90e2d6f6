"""The worker's side: companions are started and stopped with it, and started again when they die."""

import os
import subprocess
import sys
import threading
from typing import Any, ClassVar

from celery import Celery, bootsteps

from fanfare_shared.logs import get_logger

_RESTART_SECONDS = 1.0
_STOP_SECONDS = 10.0

log = get_logger(__name__)


def keep_companions(app: Celery, *modules: str) -> None:
    """Adds `python -m <module> <the worker's pid>` to the app's workers, for each module."""

    class Companions(_CompanionsStep):
        modules_beside = modules

    app.steps["worker"].add(Companions)


class Keeper:
    """Keeps one process running. Not a fork, so it shares no connection with the worker."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"keeper of {module}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        self._stopping.set()

    def stop(self) -> None:
        """Returns when the process has ended."""
        self.ask_to_stop()
        if self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        while not self._stopping.is_set():
            command = [sys.executable, "-m", self._module, str(os.getpid())]
            process = subprocess.Popen(command)  # noqa: S603 - one of our own modules
            while process.poll() is None and not self._stopping.wait(_RESTART_SECONDS):
                pass
            if process.poll() is None:
                _end(process)
            else:
                log.error("companion died: starting it again", module=self._module, exit_status=process.returncode)
                self._stopping.wait(_RESTART_SECONDS)


class _CompanionsStep(bootsteps.StartStopStep):
    # After the pool, so that its first children are not forked beside running threads.
    requires: ClassVar[set[str]] = {"celery.worker.components:Pool"}
    modules_beside: ClassVar[tuple[str, ...]]

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._keepers = [Keeper(module) for module in self.modules_beside]

    def start(self, worker: Any) -> None:  # noqa: ARG002 - Celery's signature
        for keeper in self._keepers:
            keeper.start()

    def stop(self, worker: Any) -> None:  # noqa: ARG002 - Celery's signature
        for keeper in self._keepers:  # all at once: each takes a moment
            keeper.ask_to_stop()
        for keeper in self._keepers:
            keeper.stop()

    terminate = stop


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

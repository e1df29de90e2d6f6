"""The heartbeat file: touched every few seconds while the worker is connected to its broker, gone while it is not.

A probe looks at its age, which costs nothing, whereas `celery inspect ping` costs seconds of CPU and fails on a busy
worker.
"""

from pathlib import Path
from typing import Any, ClassVar

from celery import Celery, bootsteps
from celery.worker.consumer.tasks import Tasks

# A probe may call a worker unready once the file is older than a few of these.
HEARTBEAT_INTERVAL_SECONDS = 5.0


def keep_heartbeat(app: Celery, path: Path) -> None:
    """Adds the heartbeat to the app's workers."""

    class Heartbeat(_HeartbeatStep):
        file = path

    app.steps["consumer"].add(Heartbeat)


class _HeartbeatStep(bootsteps.StartStopStep):
    """A step of the consumer, so that Celery stops it with the connection and starts it again with the next one."""

    requires: ClassVar[set[Any]] = {Tasks}
    file: ClassVar[Path]

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer_entry: Any = None

    def start(self, consumer: Any) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.touch()
        self._timer_entry = consumer.timer.call_repeatedly(HEARTBEAT_INTERVAL_SECONDS, self.file.touch)

    def stop(self, consumer: Any) -> None:  # noqa: ARG002 - Celery's signature
        if self._timer_entry is not None:
            self._timer_entry.cancel()
            self._timer_entry = None
        self.file.unlink(missing_ok=True)

    def shutdown(self, consumer: Any) -> None:
        self.stop(consumer)

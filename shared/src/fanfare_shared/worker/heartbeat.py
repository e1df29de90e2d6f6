"""A worker's signs of life, as files, for probes that cost nothing.

- the heartbeat file is touched every few seconds as long as the main process does its work, and that includes trying
  to reach a broker that is away: no outage of a server is mended by starting the worker again;
- the ready file is there while the worker is connected to its broker.

`celery inspect ping` would cost seconds of CPU, and fail on a busy worker. `fanfare-probe` reads the files.
"""

from pathlib import Path
from typing import Any, ClassVar

from celery import Celery, bootsteps
from celery.worker.consumer.tasks import Tasks

HEARTBEAT_INTERVAL_SECONDS = 5.0


class Heartbeat:
    """Either file may be None: it is not kept."""

    def __init__(self, heartbeat_file: Path | None = None, ready_file: Path | None = None) -> None:
        self._heartbeat_file = heartbeat_file
        self._ready_file = ready_file

    def beat(self) -> None:
        _touch(self._heartbeat_file)

    def connected(self) -> None:
        self.beat()
        _touch(self._ready_file)

    def disconnected(self) -> None:
        _remove(self._ready_file)

    def end(self) -> None:
        self.disconnected()
        _remove(self._heartbeat_file)


def keep_heartbeat(app: Celery, heartbeat: Heartbeat) -> None:
    """Lets the app's worker show its signs of life there; FanfareConsumer beats while it tries to connect."""
    app.heartbeat = heartbeat
    app.steps["consumer"].add(_HeartbeatStep)


class _HeartbeatStep(bootsteps.StartStopStep):
    """A step of the consumer, so that Celery stops it with the connection and starts it again with the next one."""

    requires: ClassVar[set[Any]] = {Tasks}

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer_entry: Any = None

    def start(self, consumer: Any) -> None:
        consumer.app.heartbeat.connected()
        self._timer_entry = consumer.timer.call_repeatedly(HEARTBEAT_INTERVAL_SECONDS, consumer.app.heartbeat.beat)

    def stop(self, consumer: Any) -> None:
        if self._timer_entry is not None:
            self._timer_entry.cancel()
            self._timer_entry = None
        consumer.app.heartbeat.disconnected()

    def shutdown(self, consumer: Any) -> None:
        self.stop(consumer)
        consumer.app.heartbeat.end()


def _touch(file: Path | None) -> None:
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def _remove(file: Path | None) -> None:
    if file is not None:
        file.unlink(missing_ok=True)

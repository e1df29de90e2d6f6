"""What beat publishes: each work's last planned run, which any two beats agree on."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from celery.beat import Service

from fanfare_orchestrator.schedule import beat
from fanfare_shared.contracts.messages import RunScheduled
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.schedule import SCHEDULE, ScheduleSettings
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.testing.polling import wait_until
from fanfare_shared.worker.app import make_app

from prometheus_client import CollectorRegistry  # isort: skip # after fanfare_shared.metrics
from prometheus_client.multiprocess import MultiProcessCollector  # isort: skip


def test_each_work_has_an_entry_every_hour_at_its_minute() -> None:
    entries = beat.beat_schedule(ScheduleSettings(schedule_health_check=time(6, 17)))
    assert set(entries) == {work.name for work in SCHEDULE}
    assert entries["health_check"]["schedule"].minute == {17}
    assert len(entries["health_check"]["schedule"].hour) == 24


def check_runs(published: list[RunScheduled], since: datetime) -> None:
    """A message for each work, about its last planned run; a planned minute may have passed `since`."""
    settings = ScheduleSettings()
    assert {message.name for message in published} == {work.name for work in SCHEDULE}
    planned = {
        (work.name, settings.last_due(work, moment)) for work in SCHEDULE for moment in (since, datetime.now(UTC))
    }
    assert {(message.name, message.due_at) for message in published} <= planned


def test_the_daily_reconciling_only_looks_unless_it_is_told_to_repair() -> None:
    dry = {work.name for work in SCHEDULE if beat.last_run(ScheduleSettings(), work).dry_run}
    assert dry == {"reconcile_storage"}
    assert not any(beat.last_run(ScheduleSettings(reconcile_repair=True), work).dry_run for work in SCHEDULE)


RUN_BEAT = """
import sys
from celery.beat import EmbeddedService
from fanfare_orchestrator.schedule import beat
from fanfare_shared.schedule import ScheduleSettings
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.worker.app import make_app
app = make_app("beat-test", BrokerSettings())
beat.install(app, ScheduleSettings())
service = EmbeddedService(app, scheduler_cls=app.conf.beat_scheduler)
service.start()
sys.stdin.read()
service.stop()
service.join()
"""


@contextmanager
def running_beat(broker: BrokerSettings, metrics_dir: Path) -> Iterator[None]:
    """In a child process, as a worker has it."""
    environment = os.environ | {
        "FANFARE_BROKER_URL": broker.broker_url.get_secret_value(),
        "FANFARE_METRICS_DIR": str(metrics_dir),
    }
    process = subprocess.Popen([sys.executable, "-c", RUN_BEAT], env=environment, stdin=subprocess.PIPE)
    try:
        yield
    finally:
        process.communicate(timeout=60)


def hints_published(metrics_dir: Path) -> float:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(metrics_dir))  # type: ignore[no-untyped-call] # has no types
    labels = {"task": RunScheduled.task, "outcome": "published"}
    return registry.get_sample_value("fanfare_hints_total", labels) or 0


def test_a_beat_that_starts_publishes_every_works_last_run_and_counts_it(
    clean_broker: BrokerSettings, hints: Any, tmp_path: Path
) -> None:
    since = datetime.now(UTC)
    with running_beat(clean_broker, tmp_path):
        wait_until(lambda: hints_published(tmp_path) >= len(SCHEDULE), "a message for each work")
    assert hints_published(tmp_path) == len(SCHEDULE)
    check_runs(hints.take(RunScheduled, Queue.MAINTENANCE), since)


def test_an_entry_carries_the_planned_minute_when_it_is_sent(clean_broker: BrokerSettings, hints: Any) -> None:
    since = datetime.now(UTC)
    app = make_app("beat-test", clean_broker)
    app.conf.update(beat_schedule=beat.beat_schedule(ScheduleSettings()))
    scheduler = Service(app, scheduler_cls=app.conf.beat_scheduler).scheduler
    for entry in list(scheduler.schedule.values()):
        scheduler.apply_entry(entry)
    check_runs(hints.take(RunScheduled, Queue.MAINTENANCE), since)

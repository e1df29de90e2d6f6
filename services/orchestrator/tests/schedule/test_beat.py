"""What beat publishes: each work's last planned run, which any two beats agree on."""

import os
import subprocess
import sys
from datetime import UTC, datetime, time
from typing import Any

from celery.beat import Service

from fanfare_orchestrator.schedule import beat
from fanfare_shared.contracts.messages import RunScheduled
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.schedule import SCHEDULE, ScheduleSettings
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.testing.polling import wait_until
from fanfare_shared.worker.app import make_app


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
from celery.beat import Service
from fanfare_orchestrator.schedule import beat
from fanfare_shared.schedule import ScheduleSettings
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.worker.app import make_app
app = make_app("beat-test", BrokerSettings())
beat.install(app, ScheduleSettings())
Service(app, scheduler_cls=app.conf.beat_scheduler).start()
"""


def test_a_beat_that_starts_publishes_every_works_last_run(clean_broker: BrokerSettings, hints: Any) -> None:
    since = datetime.now(UTC)
    environment = os.environ | {"FANFARE_BROKER_URL": clean_broker.broker_url.get_secret_value()}
    process = subprocess.Popen([sys.executable, "-c", RUN_BEAT], env=environment)
    try:
        wait_until(lambda: hints._reader.depth(Queue.MAINTENANCE) >= len(SCHEDULE), "a message for each work")
    finally:
        process.terminate()
        process.wait(60)
    check_runs(hints.take(RunScheduled, Queue.MAINTENANCE), since)


def test_an_entry_carries_the_planned_minute_when_it_is_sent(clean_broker: BrokerSettings, hints: Any) -> None:
    since = datetime.now(UTC)
    app = make_app("beat-test", clean_broker)
    app.conf.update(beat_schedule=beat.beat_schedule(ScheduleSettings()))
    scheduler = Service(app, scheduler_cls=app.conf.beat_scheduler).scheduler
    for entry in list(scheduler.schedule.values()):
        scheduler.apply_entry(entry)
    check_runs(hints.take(RunScheduled, Queue.MAINTENANCE), since)

"""What Celery beat publishes, built from SCHEDULE.

Every hour, at the minute of its time, beat publishes each work's last planned run, and once when it starts. Only the
first message about a run does anything, because a run is claimed by its row. So a run that was missed, because the
orchestrator was down or RabbitMQ lost the message, is made up for within the hour, and two beats do no harm.
"""

from datetime import UTC, datetime
from typing import Any

from celery import Celery, signals
from celery.beat import BeatLazyFunc
from celery.schedules import crontab

from fanfare_shared.contracts.messages import RunScheduled
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.schedule import SCHEDULE, ScheduledWork, ScheduleSettings
from fanfare_shared.worker.publisher import Publisher


def install(app: Celery, settings: ScheduleSettings) -> None:
    """Gives the app its beat schedule."""
    app.conf.update(beat_schedule=beat_schedule(settings))

    def publish_last_runs(**_: object) -> None:
        Publisher(app).hint(last_run(settings, work) for work in SCHEDULE)

    signals.beat_init.connect(publish_last_runs, weak=False)


def beat_schedule(settings: ScheduleSettings) -> dict[str, dict[str, Any]]:
    """Celery's `beat_schedule`. The message is made when it is sent, for it carries the run's planned minute."""
    return {
        work.name: {
            "task": RunScheduled.task,
            "schedule": crontab(minute=str(settings.time_of(work).minute)),
            "kwargs": {"message": BeatLazyFunc(_message, settings, work)},
            "options": {"queue": Queue.MAINTENANCE.value, "mandatory": True},
        }
        for work in SCHEDULE
    }


def last_run(settings: ScheduleSettings, work: ScheduledWork) -> RunScheduled:
    """The run whose planned minute was last, whether it was made or not. Any two beats agree on it."""
    due_at = settings.last_due(work, datetime.now(UTC))
    return RunScheduled(name=work.name, due_at=due_at, dry_run=settings.is_dry_run(work))


def _message(settings: ScheduleSettings, work: ScheduledWork) -> dict[str, Any]:
    return last_run(settings, work).model_dump(mode="json")

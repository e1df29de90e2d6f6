"""What each work of SCHEDULE does: a function a name, which a test holds to the table."""

from collections.abc import Callable

from celery import Celery

from fanfare_orchestrator.schedule.cleaning import clean_history, clean_idempotency_keys
from fanfare_orchestrator.schedule.health import check_health
from fanfare_orchestrator.schedule.partitions import drop_partitions, make_partitions
from fanfare_orchestrator.schedule.runs import RunResult
from fanfare_orchestrator.schedule.settings import MaintenanceSettings
from fanfare_shared import schedule
from fanfare_shared.db.connection import Ledger

Work = Callable[[Ledger, MaintenanceSettings], RunResult]


def works(app: Celery) -> dict[str, Work]:
    """`app` is asked for a connection to RabbitMQ by the health check."""
    return {
        schedule.MAKE_PARTITIONS.name: make_partitions,
        schedule.DROP_PARTITIONS.name: drop_partitions,
        schedule.CLEAN_IDEMPOTENCY_KEYS.name: clean_idempotency_keys,
        schedule.CLEAN_HISTORY.name: clean_history,
        schedule.HEALTH_CHECK.name: lambda ledger, settings: check_health(ledger, settings, app),
    }

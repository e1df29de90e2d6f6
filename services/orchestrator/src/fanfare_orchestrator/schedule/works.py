"""What each work of SCHEDULE does: a function a name, which a test holds to the table."""

from collections.abc import Callable

from celery import Celery

from fanfare_orchestrator.images.housekeeping.doomed import remove_doomed_objects
from fanfare_orchestrator.images.housekeeping.jobs import clean_image_jobs
from fanfare_orchestrator.images.housekeeping.originals import drop_originals
from fanfare_orchestrator.images.housekeeping.trash import empty_trash
from fanfare_orchestrator.images.housekeeping.uploads import expire_uploads
from fanfare_orchestrator.images.reconciling.run import reconcile_storage
from fanfare_orchestrator.schedule.cleaning import clean_history, clean_idempotency_keys
from fanfare_orchestrator.schedule.context import RunContext
from fanfare_orchestrator.schedule.health import check_health
from fanfare_orchestrator.schedule.partitions import drop_partitions, make_partitions
from fanfare_orchestrator.schedule.runs import RunResult
from fanfare_shared import schedule

Work = Callable[[RunContext], RunResult]


def works(app: Celery) -> dict[str, Work]:
    """`app` is asked for a connection to RabbitMQ by the health check."""
    return {
        schedule.MAKE_PARTITIONS.name: make_partitions,
        schedule.DROP_PARTITIONS.name: drop_partitions,
        schedule.CLEAN_IDEMPOTENCY_KEYS.name: clean_idempotency_keys,
        schedule.DROP_ORIGINALS.name: drop_originals,
        schedule.CLEAN_HISTORY.name: clean_history,
        schedule.EMPTY_TRASH.name: empty_trash,
        schedule.EXPIRE_UPLOADS.name: expire_uploads,
        schedule.CLEAN_IMAGE_JOBS.name: clean_image_jobs,
        schedule.RECONCILE_STORAGE.name: reconcile_storage,
        schedule.REMOVE_DOOMED_OBJECTS.name: remove_doomed_objects,
        schedule.HEALTH_CHECK.name: lambda context: check_health(context, app),
    }

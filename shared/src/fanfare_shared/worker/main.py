"""Starting a worker: `celery worker` in this process, fit to be a container's PID 1."""

import logging
import sys
from collections.abc import Sequence

import celery.apps.worker
from celery import Celery, signals
from celery.utils.nodenames import gethostname, nodename

from fanfare_shared import tracing
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.errors import ConfigurationError
from fanfare_shared.logs import configure_logging, get_logger
from fanfare_shared.settings import WorkerSettings
from fanfare_shared.worker import metrics
from fanfare_shared.worker.heartbeat import Heartbeat, keep_heartbeat
from fanfare_shared.worker.shutdown import bound_shutdown

log = get_logger(__name__)


def run_worker(
    app: Celery, settings: WorkerSettings, *, name: str, queues: Sequence[Queue], beat: bool = False
) -> None:
    """Consumes until SIGTERM, then shuts down within `worker_shutdown_seconds` and a little. Does not return.

    `queues` are the service's own, which `worker_queues` narrows. With `beat`, Celery beat runs beside the worker.
    """
    _take_over_logging(name, settings.log_level)
    bound_shutdown(app, settings.worker_shutdown_seconds)
    if settings.metrics_dir is not None:
        metrics.wipe(settings.metrics_dir)
    keep_heartbeat(app, Heartbeat(settings.heartbeat_file, settings.ready_file))
    signals.worker_ready.connect(lambda **_: metrics.serve(settings), weak=False)
    # In the children, which do the work.
    signals.worker_process_init.connect(lambda **_: tracing.start(name, settings), weak=False)
    signals.worker_process_shutdown.connect(lambda **_: tracing.stop(), weak=False)
    app.conf.worker_enable_remote_control = settings.worker_remote_control
    worker = app.Worker(
        hostname=nodename(settings.worker_name or name, gethostname()),
        pool_cls="prefork",
        concurrency=settings.worker_concurrency,
        max_tasks_per_child=settings.worker_max_tasks_per_child or None,
        queues=[queue.value for queue in _queues(settings, queues)],
        task_events=settings.worker_events,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=not settings.worker_events,
        beat=beat,
        loglevel=settings.log_level.upper(),
        quiet=True,
    )
    worker.start()
    sys.exit(worker.exitcode)


def _queues(settings: WorkerSettings, own: Sequence[Queue]) -> Sequence[Queue]:
    names = [queue.strip() for queue in settings.worker_queues.split(",") if queue.strip()]
    unknown = set(names) - {queue.value for queue in own}
    if unknown:
        known = ", ".join(queue.value for queue in own)
        raise ConfigurationError(f"FANFARE_WORKER_QUEUES: {', '.join(sorted(unknown))}: this service consumes {known}")
    return [Queue(queue) for queue in names] or own


def _take_over_logging(service: str, level: str) -> None:
    def configure(**_: object) -> None:
        configure_logging(service, level)

    configure()
    # It prints what it says of signals, and no formatter sees that.
    celery.apps.worker.safe_say = lambda message, *_: log.info(message.strip())
    # FanfareTask says the same, structured.
    logging.getLogger("celery.worker.strategy").setLevel(logging.WARNING)
    logging.getLogger("celery.app.trace").setLevel(logging.ERROR)
    signals.setup_logging.connect(configure, weak=False)
    signals.worker_process_init.connect(configure, weak=False)

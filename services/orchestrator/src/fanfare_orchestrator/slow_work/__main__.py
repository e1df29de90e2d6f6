"""`python -m fanfare_orchestrator.slow_work`: a second Celery worker, beside the one for campaigns."""

from typing import Any

from fanfare_orchestrator.app import SLOW_QUEUES, make_orchestrator
from fanfare_orchestrator.companions.lifetime import end_with_parent
from fanfare_orchestrator.settings import OrchestratorSettings
from fanfare_shared.worker.main import run_worker

_NAME = "orchestrator-slow-work"


def main() -> None:
    settings = OrchestratorSettings()
    end_with_parent()
    # Heartbeat, metrics' port and folder belong to the worker that keeps this one; what is counted here lands there too.
    own: dict[str, Any] = {
        "worker_name": "",
        "worker_queues": "",
        "heartbeat_file": None,
        "ready_file": None,
        "metrics_port": None,
        "metrics_dir": None,
    }
    # Two children at least: a large storage is reconciled for minutes, and webhooks do not wait for that.
    own |= {"worker_concurrency": max(2, settings.worker_concurrency)}
    settings = settings.model_copy(update=own)
    run_worker(make_orchestrator(settings), settings, name=_NAME, queues=SLOW_QUEUES)


if __name__ == "__main__":
    main()

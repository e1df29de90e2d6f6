"""`fanfare-orchestrator`: a Celery worker with beat, and its companions beside it."""

from fanfare_orchestrator.app import NAME, QUEUES, make_orchestrator
from fanfare_orchestrator.companions.keeper import keep_companions
from fanfare_orchestrator.settings import OrchestratorSettings
from fanfare_shared.metrics import show_build
from fanfare_shared.worker.main import run_worker

COMPANIONS = ("fanfare_orchestrator.sweep", "fanfare_orchestrator.dead_letters", "fanfare_orchestrator.slow_work")


def main() -> None:
    settings = OrchestratorSettings()
    show_build(NAME)
    app = make_orchestrator(settings)
    keep_companions(app, *COMPANIONS)
    run_worker(app, settings, name=NAME, queues=QUEUES, beat=True)

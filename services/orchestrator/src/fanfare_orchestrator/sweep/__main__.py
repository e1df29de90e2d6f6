"""`python -m fanfare_orchestrator.sweep`: the sweep as a process, beside the worker."""

from fanfare_orchestrator.companions.lifetime import stop_event
from fanfare_orchestrator.context import Context
from fanfare_orchestrator.settings import OrchestratorSettings
from fanfare_orchestrator.sweep.loop import Sweep
from fanfare_orchestrator.sweep.publisher import SweepPublisher
from fanfare_orchestrator.sweep.sweepers import SWEEPERS
from fanfare_shared.db.connection import Ledger
from fanfare_shared.logs import configure_logging, get_logger
from fanfare_shared.worker.app import make_app

_NAME = "orchestrator-sweep"


def main() -> None:
    settings = OrchestratorSettings()
    configure_logging(_NAME, settings.log_level)
    stop = stop_event()
    publisher = SweepPublisher(make_app(_NAME, settings))
    context = Context(Ledger(settings, _NAME), publisher, settings)
    get_logger(__name__).info("the sweep begins")
    Sweep(context, SWEEPERS, publisher.broker_answers).run(stop)


if __name__ == "__main__":
    main()

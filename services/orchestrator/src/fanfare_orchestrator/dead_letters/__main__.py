"""`python -m fanfare_orchestrator.dead_letters`: the `dead` queue's consumer, as a process beside the worker."""

from fanfare_orchestrator.companions.lifetime import stop_event
from fanfare_orchestrator.dead_letters.consumer import DeadLetterConsumer
from fanfare_orchestrator.settings import OrchestratorSettings
from fanfare_shared.db.connection import Ledger
from fanfare_shared.logs import configure_logging, get_logger
from fanfare_shared.worker.app import make_app

_NAME = "orchestrator-dead-letters"


def main() -> None:
    settings = OrchestratorSettings()
    configure_logging(_NAME, settings.log_level)
    stop = stop_event()
    get_logger(__name__).info("the dead queue is watched")
    DeadLetterConsumer(make_app(_NAME, settings), Ledger(settings, _NAME)).run(stop)


if __name__ == "__main__":
    main()

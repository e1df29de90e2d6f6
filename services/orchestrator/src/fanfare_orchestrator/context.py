"""What the orchestrator's work needs: a connection to the ledger, a publisher of hints, the plan's settings."""

from dataclasses import dataclass

from fanfare_orchestrator.settings import PlanSettings
from fanfare_shared.db.connection import Ledger
from fanfare_shared.worker.publisher import Publisher


@dataclass(frozen=True)
class Context:
    """One per process: a Celery child has one, the sweep has one."""

    ledger: Ledger
    publisher: Publisher
    settings: PlanSettings

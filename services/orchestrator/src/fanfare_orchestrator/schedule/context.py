"""What a run of the daily work has."""

from collections.abc import Callable
from dataclasses import dataclass

from fanfare_orchestrator.schedule.settings import MaintenanceSettings
from fanfare_shared.db.connection import Ledger
from fanfare_shared.storage.port import Storage


@dataclass(frozen=True)
class RunContext:
    """`open_storage` gives the process's own, opened when first asked for. A dry run changes nothing: its result says what
    the run would have done.
    """

    ledger: Ledger
    settings: MaintenanceSettings
    open_storage: Callable[[], Storage]
    dry_run: bool = False

"""The table of what the sweep looks at, in the order of a tick."""

from collections.abc import Callable
from dataclasses import dataclass

from fanfare_orchestrator.campaigns.deactivations import DeadTokens
from fanfare_orchestrator.context import Context
from fanfare_orchestrator.sweep.batches import sweep_overdue_batches
from fanfare_orchestrator.sweep.campaigns import sweep_due_campaigns
from fanfare_orchestrator.sweep.gauges import measure_campaigns
from fanfare_orchestrator.sweep.ready import sweep_ready_batches
from fanfare_orchestrator.sweep.scheduled import sweep_scheduled_campaigns
from fanfare_orchestrator.sweep.tasks import sweep_due_notifications, sweep_due_probes

TICK_SECONDS = 1.0


@dataclass(frozen=True)
class Sweeper:
    """`sweep` handles some of the due rows and says whether it left any. `hints`: it does nothing but publish hints, so
    it waits while the broker is away, and what is due stays due.
    """

    sweep: Callable[[Context], bool]
    seconds: float = TICK_SECONDS
    hints: bool = False

    @property
    def name(self) -> str:
        return self.sweep.__name__


SWEEPERS: tuple[Sweeper, ...] = (
    Sweeper(sweep_scheduled_campaigns),
    Sweeper(sweep_due_campaigns),
    Sweeper(sweep_overdue_batches, hints=True),
    Sweeper(sweep_ready_batches, hints=True),
    Sweeper(sweep_due_probes, hints=True),
    Sweeper(sweep_due_notifications, hints=True),
    Sweeper(DeadTokens().sweep_dead_tokens),
    Sweeper(measure_campaigns, seconds=10),
)

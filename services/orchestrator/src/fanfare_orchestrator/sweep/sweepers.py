"""The table of what the sweep looks at, in the order of a tick."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fanfare_orchestrator.bulk.steps import Steps
from fanfare_orchestrator.campaigns.deactivations import DeadTokens
from fanfare_orchestrator.campaigns.steps import CAMPAIGN_STEPS
from fanfare_orchestrator.context import Context
from fanfare_orchestrator.images.steps import IMAGE_JOB_STEPS
from fanfare_orchestrator.sweep.batches import sweep_overdue_batches
from fanfare_orchestrator.sweep.due import sweep_due
from fanfare_orchestrator.sweep.gauges import measure, measure_apps
from fanfare_orchestrator.sweep.ready import sweep_ready_batches
from fanfare_orchestrator.sweep.scheduled import sweep_scheduled
from fanfare_orchestrator.sweep.tasks import sweep_due_notifications, sweep_due_probes

TICK_SECONDS = 1.0
KINDS = (CAMPAIGN_STEPS, IMAGE_JOB_STEPS)


@dataclass(frozen=True)
class Sweeper:
    """`sweep` handles some of the due rows and says whether it left any. `hints`: it does nothing but publish hints, so
    it waits while the broker is away, and what is due stays due.
    """

    sweep: Callable[[Context], bool]
    seconds: float = TICK_SECONDS
    hints: bool = False
    title: str = ""

    @property
    def name(self) -> str:
        return self.title or self.sweep.__name__


def of_each_kind(
    sweep: Callable[[Context, Steps], bool], seconds: float = TICK_SECONDS, *, hints: bool = False
) -> Iterator[Sweeper]:
    """A sweeper for each kind of bulk job, so that trouble with one kind does not stop the other."""
    for steps in KINDS:
        yield Sweeper(_of_kind(sweep, steps), seconds, hints, f"{sweep.__name__} {steps.kind.name}")


def _of_kind(sweep: Callable[[Context, Steps], bool], steps: Steps) -> Callable[[Context], bool]:
    return lambda context: sweep(context, steps)


SWEEPERS: tuple[Sweeper, ...] = (
    *of_each_kind(sweep_scheduled),
    *of_each_kind(sweep_due),
    *of_each_kind(sweep_overdue_batches, hints=True),
    *of_each_kind(sweep_ready_batches, hints=True),
    Sweeper(sweep_due_probes, hints=True),
    Sweeper(sweep_due_notifications, hints=True),
    Sweeper(DeadTokens().sweep_dead_tokens),
    *of_each_kind(measure, seconds=10),
    Sweeper(measure_apps, seconds=10),
)

"""A turn of planning: a hint buys one window, then its successor goes to the end of the queue."""

from uuid import UUID

from fanfare_orchestrator.bulk.settle import settle
from fanfare_orchestrator.bulk.steps import Planned, Steps
from fanfare_orchestrator.context import Context
from fanfare_shared.logs import get_logger

log = get_logger(__name__)


def plan_turn(context: Context, steps: Steps, job_id: UUID) -> Planned | None:
    """Plans one window at the hint of this job, dispatches it, and publishes the hint's successor.

    None where there was nothing to plan. Raises LedgerUnavailableError; the sweep repeats a hint that came to nothing.
    """
    with context.ledger.transaction() as connection:
        planned = steps.plan(context, connection, job_id)
    if planned is None:
        return None
    steps.dispatch(context, planned.job_id)
    if planned.last:
        log.info("job planned", kind=steps.kind.name, **{steps.kind.key: str(planned.job_id)})
        settle(context, steps, planned.job_id)
    if not planned.last or planned.job_id != job_id:
        context.publisher.hint([steps.kind.plan_hint(job_id)])
    return planned

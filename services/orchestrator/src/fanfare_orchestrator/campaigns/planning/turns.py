"""A turn of planning: a hint buys one window, then its successor goes to the end of the queue."""

from uuid import UUID

from fanfare_orchestrator.bulk.settle import settle
from fanfare_orchestrator.campaigns.dispatch import dispatch
from fanfare_orchestrator.campaigns.planning.plans import Plan, make_plan, take_plan
from fanfare_orchestrator.campaigns.planning.windows import Window, plan_window
from fanfare_orchestrator.context import Context
from fanfare_shared.contracts.messages import PlanCampaign
from fanfare_shared.contracts.words import Priority
from fanfare_shared.logs import get_logger

log = get_logger(__name__)


def plan_turn(context: Context, campaign_id: UUID) -> Window | None:
    """Plans one window at the hint of this campaign, dispatches it, and publishes the hint's successor.

    None where there was nothing to plan. Raises LedgerUnavailableError; the sweep repeats a hint that came to nothing.
    """
    taken = _plan(context, campaign_id)
    if taken is None:
        return None
    plan, window = taken
    dispatch(context, plan.app_id)
    if window.last:
        log.info("campaign planned", campaign_id=str(plan.campaign_id))
        settle(context, plan.campaign_id)
    if not window.last or plan.campaign_id != campaign_id:
        context.publisher.hint([PlanCampaign(campaign_id=campaign_id)])
    return window


def _plan(context: Context, campaign_id: UUID) -> tuple[Plan, Window] | None:
    with context.ledger.transaction() as connection:
        make_plan(connection, campaign_id)
        plan = take_plan(connection, campaign_id, [priority.value for priority in Priority])
        return None if plan is None else (plan, plan_window(connection, plan, context.settings.push_batch_size))

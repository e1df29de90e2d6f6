"""Campaigns, as the orchestrator handles them."""

from typing import Any
from uuid import UUID

from fanfare_orchestrator.bulk.steps import Planned, Steps
from fanfare_orchestrator.campaigns.dispatch import dispatch_campaign, dispatch_ready
from fanfare_orchestrator.campaigns.drain import drain
from fanfare_orchestrator.campaigns.planning.plans import make_plan, take_plan
from fanfare_orchestrator.campaigns.planning.windows import plan_window
from fanfare_orchestrator.context import Context
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.contracts.words import JobStatus, Outcome, Priority
from fanfare_shared.db.connection import Connection


def _plan(context: Context, connection: Connection, campaign_id: UUID) -> Planned | None:
    make_plan(connection, campaign_id)
    plan = take_plan(connection, campaign_id, [priority.value for priority in Priority])
    return None if plan is None else plan_window(connection, plan, context.settings.push_batch_size)


def _ended(connection: Connection, campaign: dict[str, Any], _ending: JobStatus) -> None:
    """The sweep goes on to the devices whose tokens turned out dead."""
    if campaign[Outcome.ACCEPTED] > 0 and campaign[Outcome.INVALID_TOKEN] > 0 and not campaign["dry_run"]:
        connection.execute("UPDATE campaigns SET deactivate_due_at = now() WHERE id = %s", (campaign["id"],))


CAMPAIGN_STEPS = Steps(
    kind=CAMPAIGNS,
    plan=_plan,
    dispatch=dispatch_campaign,
    dispatch_ready=dispatch_ready,
    drain=drain,
    ended=_ended,
)

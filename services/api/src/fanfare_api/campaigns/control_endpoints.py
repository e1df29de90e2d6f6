"""`POST /v1/campaigns/{id}/send`, `/schedule` and `/test`, and what every bulk job takes: `/pause`, `/resume`, `/cancel`."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response, status

from fanfare_api.auth.dependencies import CampaignWriter
from fanfare_api.bulk.control_endpoints import ControlRequest, control_router
from fanfare_api.campaigns.control import CampaignControl
from fanfare_api.campaigns.repository import lock_campaign
from fanfare_api.campaigns.schemas import CampaignAccepted, ScheduleRequest, SendRequest, TestRequest
from fanfare_api.http.transactions import HintsDep, SessionDep
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import JobStatus, Priority


@dataclass(frozen=True)
class CampaignControlRequest(ControlRequest[CampaignControl]):
    async def accepted(self, name: str, status: JobStatus, task_id: UUID | None = None) -> CampaignAccepted:
        campaign = self.control.job
        priority, task_id = Priority(campaign.priority), task_id or campaign.id
        await self.note(name, task_id, campaign.app_id)
        return CampaignAccepted(
            campaign_id=campaign.id, task_id=task_id, status=status, priority=priority, queue=Queue.for_push(priority)
        )


async def _control_request(
    campaign_id: UUID,
    request: Request,
    response: Response,
    session: SessionDep,
    caller: CampaignWriter,
    hints: HintsDep,
) -> CampaignControlRequest:
    campaign, now = await lock_campaign(session, caller, campaign_id)
    control = CampaignControl(session, CAMPAIGNS, campaign, now, hints, request.state.request_id)
    return CampaignControlRequest(request, response, caller, control)


ControlDep = Annotated[CampaignControlRequest, Depends(_control_request)]

router = control_router("/v1/campaigns/{campaign_id}", "campaigns", Depends(_control_request), CampaignAccepted)


@router.post("/send", status_code=status.HTTP_202_ACCEPTED, summary="Send now, or after a delay")
async def send(asked: ControlDep, body: SendRequest | None = None) -> CampaignAccepted:
    """Starts the campaign now, or after `delay_seconds`."""
    delay_seconds = body.delay_seconds if body is not None else 0
    return await asked.accepted("send", await asked.control.send(delay_seconds))


@router.post("/schedule", status_code=status.HTTP_202_ACCEPTED, summary="Send at a moment")
async def schedule(asked: ControlDep, body: ScheduleRequest) -> CampaignAccepted:
    """Starts the campaign at `scheduled_at`. A scheduled one may be scheduled anew."""
    return await asked.accepted("schedule", await asked.control.schedule(body.scheduled_at))


@router.post("/test", status_code=status.HTTP_202_ACCEPTED, summary="Send to a few users, outside the account")
async def test(asked: ControlDep, body: TestRequest) -> CampaignAccepted:
    """Sends the message to the active devices of a few users, outside the account. `task_id` tells what came of it."""
    probe_id = await asked.control.test(body.user_ids)
    return await asked.accepted("test", JobStatus(asked.control.job.status), probe_id)

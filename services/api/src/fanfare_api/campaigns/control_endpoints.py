"""`POST /v1/campaigns/{id}/send`, `/schedule`, `/pause`, `/resume`, `/cancel` and `/test`: the intent is committed, then 202."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response, status

from fanfare_api.audit.trail import record
from fanfare_api.auth.caller import Caller
from fanfare_api.auth.dependencies import CampaignWriter
from fanfare_api.campaigns.control import Control
from fanfare_api.campaigns.repository import lock_campaign
from fanfare_api.campaigns.schemas import CampaignAccepted, ScheduleRequest, SendRequest, TestRequest
from fanfare_api.http.idempotency import Idempotent
from fanfare_api.http.transactions import HintsDep, LedgerRoute, SessionDep
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import JobStatus, Priority

router = APIRouter(
    prefix="/v1/campaigns/{campaign_id}", tags=["campaigns"], route_class=LedgerRoute, dependencies=[Idempotent]
)


@dataclass(frozen=True)
class ControlRequest:
    """A request to control a campaign, whose row is locked."""

    request: Request
    response: Response
    caller: Caller
    control: Control

    async def accepted(self, name: str, status: JobStatus, task_id: UUID | None = None) -> CampaignAccepted:
        """Writes what was done to the audit log, and the answer."""
        campaign = self.control.campaign
        session = self.control.session
        await record(session, self.request, self.caller, f"campaign.{name}", campaign.id, app_id=campaign.app_id)
        priority = Priority(campaign.priority)
        task_id = task_id or campaign.id
        self.response.headers["Location"] = f"/v1/tasks/{task_id}"
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
) -> ControlRequest:
    campaign, now = await lock_campaign(session, caller, campaign_id)
    control = Control(session, campaign, now, hints, request.state.request_id)
    return ControlRequest(request, response, caller, control)


ControlDep = Annotated[ControlRequest, Depends(_control_request)]


@router.post("/send", status_code=status.HTTP_202_ACCEPTED, summary="Send now, or after a delay")
async def send(asked: ControlDep, body: SendRequest | None = None) -> CampaignAccepted:
    """Starts the campaign now, or after `delay_seconds`."""
    delay_seconds = body.delay_seconds if body is not None else 0
    return await asked.accepted("send", await asked.control.send(delay_seconds))


@router.post("/schedule", status_code=status.HTTP_202_ACCEPTED, summary="Send at a moment")
async def schedule(asked: ControlDep, body: ScheduleRequest) -> CampaignAccepted:
    """Starts the campaign at `scheduled_at`. A scheduled one may be scheduled anew."""
    return await asked.accepted("schedule", await asked.control.schedule(body.scheduled_at))


@router.post("/pause", status_code=status.HTTP_202_ACCEPTED, summary="Pause")
async def pause(asked: ControlDep) -> CampaignAccepted:
    """No send starts later than two seconds after this answer."""
    return await asked.accepted("pause", await asked.control.pause())


@router.post("/resume", status_code=status.HTTP_202_ACCEPTED, summary="Go on")
async def resume(asked: ControlDep) -> CampaignAccepted:
    return await asked.accepted("resume", await asked.control.resume())


@router.post("/cancel", status_code=status.HTTP_202_ACCEPTED, summary="Cancel")
async def cancel(asked: ControlDep) -> CampaignAccepted:
    """What was not sent yet ends `cancelled`. A campaign that never started is cancelled at once."""
    return await asked.accepted("cancel", await asked.control.cancel())


@router.post("/test", status_code=status.HTTP_202_ACCEPTED, summary="Send to a few users, outside the account")
async def test(asked: ControlDep, body: TestRequest) -> CampaignAccepted:
    """Sends the message to the active devices of a few users, outside the account. `task_id` tells what came of it."""
    probe_id = await asked.control.test(body.user_ids)
    return await asked.accepted("test", JobStatus(asked.control.campaign.status), probe_id)

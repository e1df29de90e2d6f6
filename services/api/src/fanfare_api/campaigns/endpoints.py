"""`/v1/campaigns`: making, finding, editing and deleting them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response, status

from fanfare_api.audit.trail import record
from fanfare_api.auth.dependencies import CampaignWriter, Reader
from fanfare_api.campaigns.repository import get_campaign, list_campaigns, lock_campaign, show_campaign
from fanfare_api.campaigns.schemas import CampaignCreate, CampaignShown
from fanfare_api.campaigns.service import create_campaign, delete_campaign, edit_campaign
from fanfare_api.http.idempotency import Idempotent
from fanfare_api.http.pagination import Page, PageDep
from fanfare_api.http.transactions import LedgerRoute, SessionDep
from fanfare_api.runtime import runtime_of
from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.webhooks import AllowList

router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"], route_class=LedgerRoute)

Changes = Annotated[
    dict[str, Any],
    Body(
        description="The fields of `POST /v1/campaigns` to change, without `app_id`. Null sets a field back to none",
        examples=[{"title": "Summer sale", "collapse_key": None}],
    ),
]
AppFilter = Annotated[UUID | None, Query(description="Only this app's")]


@router.post("", status_code=status.HTTP_201_CREATED, dependencies=[Idempotent], summary="Make a draft")
async def create(
    body: CampaignCreate, request: Request, response: Response, session: SessionDep, caller: CampaignWriter
) -> CampaignShown:
    """Nothing is sent before `send` or `schedule`."""
    campaign = await create_campaign(session, caller, body, _webhook_allow(request))
    await record(session, request, caller, "campaign.create", campaign.id, app_id=campaign.app_id)
    response.headers["Location"] = f"/v1/campaigns/{campaign.id}"
    return await show_campaign(session, campaign)


@router.get("", summary="List campaigns")
async def find(
    session: SessionDep,
    caller: Reader,
    page: PageDep,
    app_id: AppFilter = None,
    status: Annotated[JobStatus | None, Query(description="Only those of this status")] = None,
) -> Page[CampaignShown]:
    items, next_cursor = await list_campaigns(session, caller, page, app_id=app_id, status=status)
    return Page(items=items, next_cursor=next_cursor)


@router.get("/active", summary="List the campaigns under way")
async def find_active(
    session: SessionDep, caller: Reader, page: PageDep, app_id: AppFilter = None
) -> Page[CampaignShown]:
    """Those that are scheduled, processing, paused or cancelling."""
    items, next_cursor = await list_campaigns(session, caller, page, app_id=app_id, active=True)
    return Page(items=items, next_cursor=next_cursor)


@router.get("/{campaign_id}", summary="Show a campaign")
async def get(campaign_id: UUID, session: SessionDep, caller: Reader) -> CampaignShown:
    return await show_campaign(session, await get_campaign(session, caller, campaign_id))


@router.patch("/{campaign_id}", summary="Change a draft or scheduled campaign")
async def edit(
    campaign_id: UUID,
    changes: Changes,
    request: Request,
    session: SessionDep,
    caller: CampaignWriter,
) -> CampaignShown:
    """Its app cannot change."""
    campaign, now = await lock_campaign(session, caller, campaign_id)
    await edit_campaign(session, campaign, changes, now, _webhook_allow(request))
    await record(
        session, request, caller, "campaign.edit", campaign_id, app_id=campaign.app_id, detail={"fields": [*changes]}
    )
    return await show_campaign(session, campaign)


@router.delete("/{campaign_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Delete a draft, or a final campaign")
async def delete(campaign_id: UUID, request: Request, session: SessionDep, caller: CampaignWriter) -> None:
    """Its account goes with it."""
    campaign, _ = await lock_campaign(session, caller, campaign_id)
    await delete_campaign(session, campaign)
    await record(session, request, caller, "campaign.delete", campaign_id, app_id=campaign.app_id)


def _webhook_allow(request: Request) -> AllowList:
    return AllowList.parse(runtime_of(request).settings.webhook_allow)

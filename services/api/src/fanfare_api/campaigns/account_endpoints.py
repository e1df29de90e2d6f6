"""`GET /v1/campaigns/{id}/stats`, `/events`, `/deliveries`, `/deliveries.csv` and `/batches`: what became of a campaign."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from fanfare_api.auth.dependencies import Reader
from fanfare_api.bulk.batches import list_batches
from fanfare_api.bulk.events import EventStream, stats_events
from fanfare_api.bulk.export import CsvStream, csv_stream
from fanfare_api.campaigns.repository import deliveries_after, get_campaign, list_deliveries
from fanfare_api.campaigns.schemas import BatchShown, DeliveryShown
from fanfare_api.campaigns.stats import ACCOUNT, CampaignStats
from fanfare_api.http.pagination import Page, PageDep
from fanfare_api.http.transactions import LedgerRoute, SessionDep
from fanfare_api.runtime import runtime_of
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.contracts.words import BatchStatus, Outcome
from fanfare_shared.db.tables import Batch
from fanfare_shared.errors import NotFoundError

router = APIRouter(prefix="/v1/campaigns/{campaign_id}", tags=["campaigns"], route_class=LedgerRoute)
StatusFilter = Annotated[Outcome | None, Query(description="Only those that ended so")]


@router.get("/stats", summary="Show the live account")
async def stats(campaign_id: UUID, request: Request, session: SessionDep, caller: Reader) -> CampaignStats:
    """The account as it stands. It costs the same for ten devices as for ten million."""
    account = await ACCOUNT.read(session, campaign_id)
    if account is None or not caller.may_use(account.row["app_id"]):
        raise NotFoundError(f"There is no campaign {campaign_id}")
    return runtime_of(request).feed.present(ACCOUNT, account)


@router.get("/events", summary="Follow the live account", response_class=EventStream)
async def events(campaign_id: UUID, request: Request, session: SessionDep, caller: Reader) -> EventStream:
    """The same as `stats`, as Server-Sent Events named `stats`: at once, and when it changed, until the campaign is final."""
    await get_campaign(session, caller, campaign_id)
    return stats_events(runtime_of(request).feed, ACCOUNT, campaign_id)


@router.get("/deliveries", summary="List the outcomes, device by device")
async def deliveries(
    campaign_id: UUID, session: SessionDep, caller: Reader, page: PageDep, status: StatusFilter = None
) -> Page[DeliveryShown]:
    """Device by device, by falling device id. A device appears with its outcome."""
    await get_campaign(session, caller, campaign_id)
    items, next_cursor = await list_deliveries(session, campaign_id, page, status)
    return Page(items=items, next_cursor=next_cursor)


@router.get("/deliveries.csv", summary="All outcomes as CSV", response_class=CsvStream)
async def deliveries_csv(
    campaign_id: UUID, request: Request, session: SessionDep, caller: Reader, status: StatusFilter = None
) -> CsvStream:
    """All of them, by rising device id. A cell that a spreadsheet would run begins with an apostrophe."""
    await get_campaign(session, caller, campaign_id)
    return csv_stream(
        runtime_of(request).sessions,
        f"deliveries-{campaign_id}.csv",
        list(DeliveryShown.model_fields),
        key="device_id",
        page_after=partial(deliveries_after, campaign_id, status),
    )


@router.get("/batches", summary="List the batches")
async def batches(
    campaign_id: UUID,
    session: SessionDep,
    caller: Reader,
    page: PageDep,
    status: Annotated[BatchStatus | None, Query(description="Only those of this status")] = None,
) -> Page[BatchShown]:
    await get_campaign(session, caller, campaign_id)
    items, next_cursor = await list_batches(session, CAMPAIGNS, Batch, BatchShown, campaign_id, page, status)
    return Page(items=items, next_cursor=next_cursor)

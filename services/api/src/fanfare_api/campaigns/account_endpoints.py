"""`GET /v1/campaigns/{id}/stats`, `/events`, `/deliveries`, `/deliveries.csv` and `/batches`: what became of a campaign."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from fanfare_api.auth.dependencies import Reader
from fanfare_api.campaigns.export import csv_of_deliveries
from fanfare_api.campaigns.feed import StatsFeed
from fanfare_api.campaigns.repository import get_campaign, list_batches, list_deliveries
from fanfare_api.campaigns.schemas import BatchShown, DeliveryShown
from fanfare_api.campaigns.stats import CampaignStats, read_account
from fanfare_api.http.pagination import Page, PageDep
from fanfare_api.http.transactions import LedgerRoute, SessionDep
from fanfare_api.runtime import runtime_of
from fanfare_shared.contracts.words import BatchStatus, Outcome
from fanfare_shared.errors import NotFoundError

router = APIRouter(prefix="/v1/campaigns/{campaign_id}", tags=["campaigns"], route_class=LedgerRoute)
StatusFilter = Annotated[Outcome | None, Query(description="Only those that ended so")]


class EventStream(StreamingResponse):
    media_type = "text/event-stream"


class CsvStream(StreamingResponse):
    media_type = "text/csv"


@router.get("/stats", summary="Show the live account")
async def stats(campaign_id: UUID, request: Request, session: SessionDep, caller: Reader) -> CampaignStats:
    """The account as it stands. It costs the same for ten devices as for ten million."""
    account = await read_account(session, campaign_id)
    if account is None or not caller.may_use(account.row["app_id"]):
        raise NotFoundError(f"There is no campaign {campaign_id}")
    return runtime_of(request).feed.present(account)


@router.get("/events", summary="Follow the live account", response_class=EventStream)
async def events(campaign_id: UUID, request: Request, session: SessionDep, caller: Reader) -> EventStream:
    """The same as `stats`, as Server-Sent Events named `stats`: at once, and when it changed, until the campaign is final."""
    await get_campaign(session, caller, campaign_id)
    return EventStream(
        _event_stream(runtime_of(request).feed, campaign_id),
        # nginx would hold the events back until its buffer is full.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _event_stream(feed: StatsFeed, campaign_id: UUID) -> AsyncIterator[str]:
    async for found in feed.listen(campaign_id):
        yield f"event: stats\ndata: {found.model_dump_json()}\n\n" if found is not None else ": still here\n\n"


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
    return CsvStream(
        csv_of_deliveries(runtime_of(request).sessions, campaign_id, status),
        headers={"Content-Disposition": f'attachment; filename="deliveries-{campaign_id}.csv"'},
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
    items, next_cursor = await list_batches(session, campaign_id, page, status)
    return Page(items=items, next_cursor=next_cursor)

"""`GET /v1/image-jobs/{id}/stats`, `/events`, `/items`, `/items.csv` and `/batches`: what became of a job."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from fanfare_api.auth.dependencies import Reader
from fanfare_api.bulk.batches import list_batches
from fanfare_api.bulk.events import EventStream, stats_events
from fanfare_api.bulk.export import CsvStream, csv_stream
from fanfare_api.http.pagination import Page, PageDep
from fanfare_api.http.transactions import LedgerRoute, SessionDep
from fanfare_api.image_jobs.repository import check_exists, items_after, list_items
from fanfare_api.image_jobs.stats import ACCOUNT, ImageJobStats
from fanfare_api.image_jobs.views import ImageBatchShown, ItemShown
from fanfare_api.runtime import runtime_of
from fanfare_shared.contracts.words import BatchStatus, ItemOutcome
from fanfare_shared.db.tables import ImageBatch
from fanfare_shared.errors import NotFoundError
from fanfare_shared.images.kind import IMAGE_JOBS

router = APIRouter(prefix="/v1/image-jobs/{job_id}", tags=["image jobs"], route_class=LedgerRoute)
StatusFilter = Annotated[ItemOutcome | None, Query(description="Only those that ended so, or have not ended")]


@router.get("/stats", summary="Show the live account")
async def stats(job_id: UUID, request: Request, session: SessionDep, _caller: Reader) -> ImageJobStats:
    """The account as it stands. It costs the same for ten images as for 100,000."""
    account = await ACCOUNT.read(session, job_id)
    if account is None:
        raise NotFoundError(f"There is no image job {job_id}")
    return runtime_of(request).feed.present(ACCOUNT, account)


@router.get("/events", summary="Follow the live account", response_class=EventStream)
async def events(job_id: UUID, request: Request, session: SessionDep, _caller: Reader) -> EventStream:
    """The same as `stats`, as Server-Sent Events named `stats`: at once, and when it changed, until the job is final."""
    await check_exists(session, job_id)
    return stats_events(runtime_of(request).feed, ACCOUNT, job_id)


@router.get("/items", summary="List the images and what became of each")
async def items(
    job_id: UUID, session: SessionDep, _caller: Reader, page: PageDep, status: StatusFilter = None
) -> Page[ItemShown]:
    """By rising position. An image appears once it is planned."""
    await check_exists(session, job_id)
    found, next_cursor = await list_items(session, job_id, page, status)
    return Page(items=found, next_cursor=next_cursor)


@router.get("/items.csv", summary="All images as CSV", response_class=CsvStream)
async def items_csv(
    job_id: UUID, request: Request, session: SessionDep, _caller: Reader, status: StatusFilter = None
) -> CsvStream:
    """All of them, by rising position. A cell that a spreadsheet would run begins with an apostrophe."""
    await check_exists(session, job_id)
    return csv_stream(
        runtime_of(request).sessions,
        f"items-{job_id}.csv",
        list(ItemShown.model_fields),
        key="position",
        page_after=partial(items_after, job_id, status),
    )


@router.get("/batches", summary="List the batches")
async def batches(
    job_id: UUID,
    session: SessionDep,
    _caller: Reader,
    page: PageDep,
    status: Annotated[BatchStatus | None, Query(description="Only those of this status")] = None,
) -> Page[ImageBatchShown]:
    await check_exists(session, job_id)
    found, next_cursor = await list_batches(session, IMAGE_JOBS, ImageBatch, ImageBatchShown, job_id, page, status)
    return Page(items=found, next_cursor=next_cursor)

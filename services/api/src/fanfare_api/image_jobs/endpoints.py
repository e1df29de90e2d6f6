"""`/v1/image-jobs`: making and finding them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, status

from fanfare_api.audit.trail import record
from fanfare_api.auth.dependencies import ImageWriter, Reader
from fanfare_api.http.idempotency import Idempotent
from fanfare_api.http.pagination import Page, PageDep
from fanfare_api.http.transactions import HintsDep, LedgerRoute, SessionDep
from fanfare_api.image_jobs.archives import archives_of
from fanfare_api.image_jobs.rejections import RejectedShown
from fanfare_api.image_jobs.repository import get_job, list_children, list_jobs, show_job
from fanfare_api.image_jobs.schemas import MAX_BODY_BYTES, ImageJobCreate
from fanfare_api.image_jobs.service import add_job, check_not_empty, estimate_job, look_at
from fanfare_api.image_jobs.stats import ACCOUNT
from fanfare_api.image_jobs.views import (
    ImageJobCreated,
    ImageJobDetail,
    ImageJobPreview,
    ImageJobShown,
    ResultShown,
)
from fanfare_api.runtime import runtime_of
from fanfare_shared.contracts.words import JobStatus, Lane, Operation
from fanfare_shared.errors import NotFoundError


class ImageJobRoute(LedgerRoute):
    max_body_bytes = MAX_BODY_BYTES


router = APIRouter(prefix="/v1/image-jobs", tags=["image jobs"], route_class=ImageJobRoute)


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    dependencies=[Idempotent],
    summary="Do something to many images",
    responses={status.HTTP_200_OK: {"model": ImageJobPreview, "description": "What a dry run found: nothing was made"}},
)
async def create(
    body: ImageJobCreate,
    request: Request,
    response: Response,
    session: SessionDep,
    caller: ImageWriter,
    hints: HintsDep,
) -> ImageJobCreated | ImageJobPreview:
    """Makes variants of images by a pipeline or a preset, or does a file operation. Which of them are not in the job, and
    why, is in `rejected`; if none is left the answer is a 422 with the same. The job starts at once, or at `scheduled_at`.
    """
    runtime = runtime_of(request)
    wanted = await look_at(session, caller, runtime, body)
    images, rejected = wanted.images, RejectedShown.of_row(wanted.job.rejected)
    if body.dry_run:
        response.status_code = status.HTTP_200_OK
        found = await estimate_job(session, wanted, body, runtime.settings.image_heavy_bytes)
        return ImageJobPreview(
            accepted=images.accepted, rejected=rejected, lanes=found.lanes, estimated_seconds=round(found.seconds, 3)
        )
    check_not_empty(images, rejected.model_dump(mode="json"))
    job = await add_job(session, wanted.job, wanted.now, hints, request.state.request_id)
    detail = {"operation": job.operation, "accepted": images.accepted}
    await record(session, request, caller, "image_job.create", job.id, detail=detail)
    response.headers["Location"] = f"/v1/image-jobs/{job.id}"
    return ImageJobCreated(
        job_id=job.id,
        task_id=job.id,
        status=JobStatus(job.status),
        lane=Lane(job.lane),
        accepted=images.accepted,
        rejected=rejected,
        webhook_secret=wanted.made_secret,
    )


@router.get("", summary="List image jobs")
async def find(
    session: SessionDep,
    _caller: Reader,
    page: PageDep,
    status: Annotated[JobStatus | None, Query(description="Only those of this status")] = None,
    operation: Annotated[Operation | None, Query(description="Only those that do this")] = None,
) -> Page[ImageJobShown]:
    """Uploads are among them."""
    items, next_cursor = await list_jobs(session, page, status, operation)
    return Page(items=items, next_cursor=next_cursor)


@router.get("/{job_id}", summary="Show an image job with its live account")
async def get(job_id: UUID, request: Request, session: SessionDep, _caller: Reader) -> ImageJobDetail:
    """The job, how far it is, what it made, and the jobs that came of it. It costs the same for ten images as for 100,000."""
    runtime = runtime_of(request)
    job = await get_job(session, job_id)
    shown = await show_job(session, job)
    account = await ACCOUNT.read(session, job_id)
    if account is None:  # purged between the two statements
        raise NotFoundError(f"There is no image job {job_id}")
    stats = runtime.feed.present(ACCOUNT, account)
    archives = archives_of(job, runtime)
    return ImageJobDetail(
        **shown.model_dump()
        | stats.model_dump()
        | {
            "children": await list_children(session, job_id),
            "result": ResultShown(archives=archives) if archives else None,
        }
    )

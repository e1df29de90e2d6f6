"""A job's archives, behind links that need no key: the storage's own where it can sign them, else ours."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from fanfare_api.auth.links import ReaderOrLink
from fanfare_api.http.transactions import LedgerRoute
from fanfare_api.image_jobs.repository import get_job
from fanfare_api.image_jobs.views import ArchiveShown
from fanfare_api.images.objects import ASK_EACH_TIME, ServedObject, serve
from fanfare_api.runtime import Runtime, runtime_of
from fanfare_shared.db.tables import ImageJob
from fanfare_shared.errors import NotFoundError

# Long enough to click on, and to begin a download with; whoever comes later asks for the job again.
_LINK_SECONDS = 3600
_MEDIA_TYPE = "application/zip"
_ZIP: dict[int | str, dict[str, Any]] = {
    200: {"description": "The ZIP", "content": {_MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}},
    206: {"description": "The bytes of `Range`"},
    304: {"description": "Those of `If-None-Match` are the present ones"},
}

router = APIRouter(prefix="/v1/image-jobs/{job_id}", tags=["image jobs"], route_class=LedgerRoute)


@router.get(
    "/archives/{number}",
    summary="Download an archive",
    response_class=Response,
    responses=_ZIP,
    dependencies=[ReaderOrLink],
)
@router.head("/archives/{number}", summary="What a download of the archive would be", dependencies=[ReaderOrLink])
async def download(job_id: UUID, number: Annotated[int, Path(ge=0, le=9999)], request: Request) -> Response:
    """With an API key, or by the link that the job shows."""
    runtime = runtime_of(request)
    async with runtime.sessions() as session:
        job = await get_job(session, job_id)
    archives = _archives(job)
    if number >= len(archives):
        raise NotFoundError(f"Image job {job_id} has {len(archives)} archives, counted from 0")
    stored = await runtime.storage().head_async(archives[number]["key"])
    served = ServedObject(
        key=stored.key,
        size=stored.size,
        media_type=_MEDIA_TYPE,
        etag=stored.etag,
        filename=_name(job, number),
        is_attachment=True,
        cache_control=ASK_EACH_TIME,
    )
    return await serve(request, served)


def archives_of(job: ImageJob, runtime: Runtime) -> list[ArchiveShown]:
    """The job's archives with a link to each, an hour long."""
    return [_shown(job, number, archive, runtime) for number, archive in enumerate(_archives(job))]


def _shown(job: ImageJob, number: int, archive: dict[str, Any], runtime: Runtime) -> ArchiveShown:
    name = _name(job, number)
    link = runtime.storage().download_link(
        archive["key"], _LINK_SECONDS, filename=name, media_type=_MEDIA_TYPE
    ) or runtime.links.link("GET", f"/v1/image-jobs/{job.id}/archives/{number}", _LINK_SECONDS)
    return ArchiveShown(
        number=number,
        name=name,
        size=archive["size"],
        items=archive["items"],
        url=link.url,
        expires_at=link.expires_at,
    )


def _archives(job: ImageJob) -> list[dict[str, Any]]:
    archives: list[dict[str, Any]] = (job.result or {}).get("archives", [])
    return archives


def _name(job: ImageJob, number: int) -> str:
    several = len(_archives(job)) > 1
    return f"{job.parameters.get('name', 'images')}{f'-{number + 1}' if several else ''}.zip"

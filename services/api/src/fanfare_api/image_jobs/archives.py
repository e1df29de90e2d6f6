"""A job's archives, behind links that need no key: the storage's own where it can sign them, else ours."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from fanfare_api.auth.caller import Scope
from fanfare_api.auth.dependencies import current_caller
from fanfare_api.http.transactions import LedgerRoute, SessionDep
from fanfare_api.image_jobs.repository import get_job
from fanfare_api.image_jobs.views import ArchiveShown
from fanfare_api.runtime import Runtime, runtime_of
from fanfare_shared.db.tables import ImageJob
from fanfare_shared.errors import NotFoundError
from fanfare_shared.storage.attachments import content_disposition

# Long enough to click on, and to begin a download with; whoever comes later asks for the job again.
_LINK_SECONDS = 3600
_MEDIA_TYPE = "application/zip"

router = APIRouter(prefix="/v1/image-jobs/{job_id}", tags=["image jobs"], route_class=LedgerRoute)
_bearer = HTTPBearer(auto_error=False, description="An API key, unless the link is signed")


class ZipStream(StreamingResponse):
    media_type = _MEDIA_TYPE


async def _reader_or_link(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> None:
    """Raises LinkInvalidError, LinkExpiredError, or what a request without a key of scope `read` raises."""
    if "signature" in request.query_params:
        runtime_of(request).links.verify(request.method, request.scope["path"], request.url.query)
        return
    caller = await current_caller(request, credentials)
    caller.require_scope(Scope.READ)


@router.get(
    "/archives/{number}",
    summary="Download an archive",
    response_class=ZipStream,
    dependencies=[Depends(_reader_or_link)],
)
async def download(
    job_id: UUID, number: Annotated[int, Path(ge=0, le=9999)], request: Request, session: SessionDep
) -> ZipStream:
    """The ZIP, by an API key or by the link that the job shows."""
    job = await get_job(session, job_id)
    archives = _archives(job)
    if number >= len(archives):
        raise NotFoundError(f"Image job {job_id} has {len(archives)} archives, counted from 0")
    storage, key = runtime_of(request).storage(), archives[number]["key"]
    stored = await storage.head_async(key)
    headers = {
        "Content-Length": str(stored.size),
        "Content-Disposition": content_disposition(_name(job, number)),
        "Cache-Control": "private, no-store",
    }
    return ZipStream(storage.stream_async(key), headers=headers)


def archives_of(job: ImageJob, runtime: Runtime) -> list[ArchiveShown]:
    """The job's archives with a link to each, an hour long."""
    shown = []
    for number, archive in enumerate(_archives(job)):
        name = _name(job, number)
        link = runtime.storage().download_link(
            archive["key"], _LINK_SECONDS, filename=name, media_type=_MEDIA_TYPE
        ) or runtime.links.link("GET", f"/v1/image-jobs/{job.id}/archives/{number}", _LINK_SECONDS)
        shown.append(
            ArchiveShown(
                number=number,
                name=name,
                size=archive["size"],
                items=archive["items"],
                url=link.url,
                expires_at=link.expires_at,
            )
        )
    return shown


def _archives(job: ImageJob) -> list[dict[str, Any]]:
    archives: list[dict[str, Any]] = (job.result or {}).get("archives", [])
    return archives


def _name(job: ImageJob, number: int) -> str:
    several = len(_archives(job)) > 1
    return f"{job.parameters.get('name', 'images')}{f'-{number + 1}' if several else ''}.zip"

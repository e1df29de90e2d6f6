"""`POST /v1/image-jobs/{id}/retry-failed`, and what every bulk job takes: `/pause`, `/resume`, `/cancel`."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response, status

from fanfare_api.auth.dependencies import ImageWriter
from fanfare_api.bulk.control_endpoints import ControlRequest, control_router
from fanfare_api.http.transactions import HintsDep, SessionDep
from fanfare_api.image_jobs.control import ImageJobControl
from fanfare_api.image_jobs.repository import lock_job
from fanfare_api.image_jobs.views import ImageJobAccepted
from fanfare_shared.contracts.words import JobStatus, Lane
from fanfare_shared.images.kind import IMAGE_JOBS


@dataclass(frozen=True)
class ImageJobControlRequest(ControlRequest[ImageJobControl]):
    async def accepted(self, name: str, status: JobStatus) -> ImageJobAccepted:
        job = self.control.job
        await self.note(name, job.id)
        return ImageJobAccepted(job_id=job.id, task_id=job.id, status=status, lane=Lane(job.lane))


async def _control_request(
    job_id: UUID, request: Request, response: Response, session: SessionDep, caller: ImageWriter, hints: HintsDep
) -> ImageJobControlRequest:
    job, now = await lock_job(session, job_id)
    control = ImageJobControl(session, IMAGE_JOBS, job, now, hints, request.state.request_id)
    return ImageJobControlRequest(request, response, caller, control)


ControlDep = Annotated[ImageJobControlRequest, Depends(_control_request)]

router = control_router("/v1/image-jobs/{job_id}", "image jobs", Depends(_control_request), ImageJobAccepted)


@router.post("/retry-failed", status_code=status.HTTP_202_ACCEPTED, summary="Try the failed images again")
async def retry_failed(asked: ControlDep) -> ImageJobAccepted:
    """Makes a new job, `job_id`, over the images that failed; its `parent_id` is this one. Only once this one is final."""
    job = await asked.control.retry_failed(asked.caller.actor)
    await asked.note("retry_failed", job.id)
    return ImageJobAccepted(job_id=job.id, task_id=job.id, status=JobStatus(job.status), lane=Lane(job.lane))

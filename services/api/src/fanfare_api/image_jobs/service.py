"""Making image jobs: the row alone; which images it has is planned by the orchestrator."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.auth.caller import Caller
from fanfare_api.bulk.control import Control
from fanfare_api.image_jobs.estimates import Estimate, estimate
from fanfare_api.image_jobs.rates import seconds_per_item
from fanfare_api.image_jobs.rejections import rejection_sql
from fanfare_api.image_jobs.requests import Columns
from fanfare_api.image_jobs.schemas import ImageJobCreate
from fanfare_api.image_jobs.targets import Resolved, resolve
from fanfare_api.runtime import Runtime
from fanfare_shared.contracts.messages import Message
from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.db.tables import ImageJob
from fanfare_shared.errors import NothingToDoError
from fanfare_shared.images.kind import IMAGE_JOBS
from fanfare_shared.webhooks import AllowList


@dataclass(frozen=True)
class Wanted:
    """A request that was looked at: the job to add, and the images it means. `made_secret`: see `Columns`."""

    job: ImageJob
    now: datetime
    images: Resolved
    made_secret: str | None


async def look_at(session: AsyncSession, caller: Caller, runtime: Runtime, body: ImageJobCreate) -> Wanted:
    """Raises InvalidRequestError for what no job can be made of, whichever images there are."""
    now = (await session.exec(select(func.now()))).one()
    columns = Columns(session, now, runtime.presets, AllowList.parse(runtime.settings.webhook_allow), runtime.cipher)
    values = await columns.of(body)
    images = await resolve(session, body.target, rejection_sql(body.does, body.variant))
    rejected = images.rejected.as_row() if images.rejected.count else {}
    job = ImageJob(target=images.target, rejected=rejected, created_by=caller.actor, **values)
    return Wanted(job, now, images, columns.made_secret)


def check_not_empty(images: Resolved, shown: object) -> None:
    """Raises NothingToDoError with `shown`, the rejected as callers see them, where no image is left."""
    if not images.accepted:
        reasons = ", ".join(f"{count:,} {code}" for code, count in images.rejected.codes.items())
        raise NothingToDoError(f"No image is left to work on: {reasons or 'the target holds none'}", rejected=shown)


async def add_job(
    session: AsyncSession, job: ImageJob, now: datetime, hints: list[Message], request_id: str
) -> ImageJob:
    """Inserts the job; it starts now, or at its `scheduled_at`."""
    job.status, job.due_at, job.request_id = JobStatus.SCHEDULED.value, job.scheduled_at, request_id
    session.add(job)
    await session.flush()
    if job.scheduled_at is None:
        await Control(session, IMAGE_JOBS, job, now, hints, request_id).start()
        await session.refresh(job, ["status"])
    return job


async def estimate_job(session: AsyncSession, wanted: Wanted, body: ImageJobCreate, heavy_bytes: int) -> Estimate:
    """How long it would take: no less than its rate allows."""
    found = await estimate(session, wanted.images.selection, body.does, heavy_bytes)
    if body.rate is None:
        return found
    return Estimate(found.lanes, max(found.seconds, wanted.images.accepted * seconds_per_item(body.rate)))

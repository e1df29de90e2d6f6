"""What callers do to an image job beside what they do to any bulk job: have what failed tried again."""

from dataclasses import dataclass

from fanfare_api.bulk.control import Control
from fanfare_api.image_jobs.estimates import lane_of
from fanfare_api.image_jobs.service import add_job
from fanfare_shared.contracts.words import JobStatus, Operation
from fanfare_shared.db.tables import ImageJob
from fanfare_shared.errors import IllegalTransitionError, NothingToDoError

# What a retry has of the job it retries. That one's moments are past, and its account is its own.
_KEPT = (
    "operation",
    "parameters",
    "rate",
    "seconds_per_item",
    "then_job",
    "on_failure_job",
    "webhook_url",
    "webhook_secret_encrypted",
    "notify_email",
)


@dataclass(frozen=True)
class ImageJobControl(Control[ImageJob]):
    async def retry_failed(self, created_by: str) -> ImageJob:
        """A new job over the items that failed, started, with all else that this one had.

        Raises IllegalTransitionError while this one is not final, NothingToDoError where nothing failed.
        """
        status = JobStatus(self.job.status)
        if not status.is_final:
            raise IllegalTransitionError(
                f"This image job is {status} and cannot be retried yet: wait for its end, or cancel it",
                status_now=status.value,
            )
        if not self.job.failed:
            raise NothingToDoError("None of the job's images failed")
        kept = {name: getattr(self.job, name) for name in _KEPT}
        job = ImageJob(
            parent_id=self.job.id,
            target={"failed_of": str(self.job.id)},
            lane=lane_of(Operation(self.job.operation)).value,
            created_by=created_by,
            **kept,
        )
        return await add_job(self.session, job, self.now, self.hints, self.request_id)

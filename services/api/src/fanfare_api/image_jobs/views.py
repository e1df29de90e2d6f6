"""The image job's JSON shapes: what callers are shown."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from fanfare_api.http.schemas import Shown
from fanfare_api.image_jobs.rejections import RejectedShown
from fanfare_api.image_jobs.stats import ImageJobStats
from fanfare_shared.contracts.words import ItemOutcome, JobStatus, Lane, Operation


class ImageJobAccepted(Shown):
    """The answer to a control action. `task_id` is for `GET /v1/tasks/{task_id}`."""

    job_id: UUID
    task_id: UUID
    status: JobStatus
    lane: Lane


class ImageJobCreated(ImageJobAccepted):
    """`accepted` images are in the job. `webhook_secret` is shown here alone, and null where none had to be made."""

    accepted: int
    rejected: RejectedShown
    webhook_secret: str | None = None


class ImageJobPreview(Shown):
    """The answer to a dry run. `lanes` says how many images would stand in which; `estimated_seconds` is of one worker
    process, by what such work took lately, else by the images' sizes.
    """

    accepted: int
    rejected: RejectedShown
    lanes: dict[Lane, int]
    estimated_seconds: float


class ImageJobShown(Shown):
    """An image job. Of ids, `target` says how many there are (`image_count`). `then` and `on_failure` are requests for the
    jobs that follow it.
    """

    job_id: UUID
    parent_id: UUID | None
    operation: Operation
    lane: Lane
    parameters: dict[str, Any]
    target: dict[str, Any]
    rejected: RejectedShown
    rate: str | None
    then: dict[str, Any] | None
    on_failure: dict[str, Any] | None
    webhook_url: str | None
    notify_email: str | None
    status: JobStatus
    pause_reason: str | None
    error_code: str | None
    error_message: str | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    scheduled_at: datetime | None
    expires_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None


class ChildShown(Shown):
    """A job that followed this one, or retries it."""

    job_id: UUID
    operation: Operation
    status: JobStatus
    created_at: datetime


class ArchiveShown(Shown):
    """A ZIP of `items` files and `size` bytes. `url` needs no key until `expires_at`."""

    number: int = Field(description="From 0")
    name: str
    size: int
    items: int
    url: str
    expires_at: datetime


class ResultShown(Shown):
    archives: list[ArchiveShown]


class ImageJobDetail(ImageJobShown, ImageJobStats):
    """The job, its live account, what it made, and the jobs that came of it."""

    children: list[ChildShown]
    result: ResultShown | None


class ImageBatchShown(Shown):
    """A batch: the images at `first_position` to `last_position` that are still in it. `running` is the position being
    worked on.
    """

    id: int
    lane: Lane
    status: str
    first_position: int
    last_position: int
    size: int
    succeeded: int
    failed: int
    cancelled: int
    errors: dict[str, int]
    running: int | None
    epoch: int
    lost_claims: int
    due_at: datetime | None
    created_at: datetime
    claimed_at: datetime | None
    closed_at: datetime | None


class ItemShown(Shown):
    """An image of the job. `attempts` counts the times work on it began; `result` is what the operation made of it."""

    position: int
    image_id: UUID
    name: str
    status: ItemOutcome
    error_code: str | None
    error_message: str | None
    attempts: int
    duration_ms: int | None
    result: dict[str, Any] | None
    finished_at: datetime | None

"""A dead letter's JSON shape."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from fanfare_api.http.schemas import Shown


class DeadLetterSource(StrEnum):
    """What could not be done: a message that a worker refused, a campaign's or an image job's batch that was set aside, a
    notification given up.
    """

    MESSAGE = "message"
    BATCH = "batch"
    IMAGE_BATCH = "image_batch"
    NOTIFICATION = "notification"


class DeadLetterShown(Shown):
    """`source_id` is the batch's or the notification's id; `body` is a message's, as it arrived."""

    id: UUID
    source: DeadLetterSource
    source_id: str | None
    queue: str | None
    task: str | None
    reason: str
    body: str | None
    created_at: datetime
    retried_at: datetime | None
    retried_by: str | None

"""A task's JSON shape."""

from typing import Any
from uuid import UUID

from fanfare_api.http.schemas import Shown
from fanfare_shared.contracts.words import TaskStatus


class TaskShown(Shown):
    """`kind` is `campaign.send`, `campaign.test`, `campaign.payload_verdict`, `app.check`, `image_job.` and the job's
    operation, `notification.webhook` or `notification.email`. `SUCCESS`, `FAILURE` and `REVOKED` are final.
    """

    task_id: UUID
    kind: str
    status: TaskStatus
    attempts: int
    result: dict[str, Any] | None
    error: dict[str, Any] | None

    @property
    def is_final(self) -> bool:
        return self.status in {TaskStatus.SUCCESS, TaskStatus.FAILURE, TaskStatus.REVOKED}

"""The messages, one class each: an id to look up in the ledger, and what a hint needs to find its queue.

A message is a hint: losing one costs latency, never work, and two of the same do no harm. Receivers ignore fields
they do not know, so that a sender may be newer; a `version` they do not know goes to the `dead` queue.
"""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import Lane, Priority


class Message(BaseModel):
    """The envelope of every message. `request_id` follows the HTTP request that caused it into the logs."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    task: ClassVar[str]
    version: Literal[1] = 1
    request_id: str | None = None

    @property
    def queue(self) -> Queue:
        raise NotImplementedError


class PlanCampaign(Message):
    """Plan the next windows of this campaign."""

    task: ClassVar[str] = "campaigns.plan"
    campaign_id: UUID

    @property
    def queue(self) -> Queue:
        return Queue.CAMPAIGNS


class SettleCampaign(Message):
    """Something of this campaign ended: dispatch what is due, and look whether it is finished."""

    task: ClassVar[str] = "campaigns.settle"
    campaign_id: UUID

    @property
    def queue(self) -> Queue:
        return Queue.PUSH_RESULTS


class SendBatch(Message):
    """Claim this batch and send it."""

    task: ClassVar[str] = "push.send_batch"
    batch_id: int
    campaign_id: UUID
    priority: Priority

    @property
    def queue(self) -> Queue:
        return Queue.for_push(self.priority)


class RunProbe(Message):
    """Do this probe: an app's check, a campaign's test send, or the question whose fault a 400 was."""

    task: ClassVar[str] = "push.probe"
    probe_id: UUID

    @property
    def queue(self) -> Queue:
        return Queue.PUSH_HIGH


class PlanImageJob(Message):
    """Plan the next windows of this image job."""

    task: ClassVar[str] = "image_jobs.plan"
    job_id: UUID

    @property
    def queue(self) -> Queue:
        return Queue.IMAGE_JOBS


class SettleImageJob(Message):
    """Something of this image job ended: dispatch what is due, and look whether it is finished."""

    task: ClassVar[str] = "image_jobs.settle"
    job_id: UUID

    @property
    def queue(self) -> Queue:
        return Queue.IMAGES_RESULTS


class ProcessBatch(Message):
    """Claim this batch of images and do what its job says to each."""

    task: ClassVar[str] = "images.process_batch"
    batch_id: int
    job_id: UUID
    lane: Lane

    @property
    def queue(self) -> Queue:
        return Queue.for_images(self.lane)


class SendNotification(Message):
    """Deliver this webhook or e-mail."""

    task: ClassVar[str] = "notifications.send"
    notification_id: UUID

    @property
    def queue(self) -> Queue:
        return Queue.NOTIFICATIONS


class RunScheduled(Message):
    """Run the daily work of this name, planned for `due_at`; whoever claims `(name, due_at)` first runs it.

    A dry run says what the work would do, and does nothing.
    """

    task: ClassVar[str] = "maintenance.run"
    name: str
    due_at: datetime
    dry_run: bool = False

    @property
    def queue(self) -> Queue:
        return Queue.MAINTENANCE


MESSAGES: tuple[type[Message], ...] = (
    PlanCampaign,
    SettleCampaign,
    SendBatch,
    RunProbe,
    PlanImageJob,
    SettleImageJob,
    ProcessBatch,
    SendNotification,
    RunScheduled,
)

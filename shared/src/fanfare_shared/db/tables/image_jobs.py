"""Image jobs, their plans, their batches, and their items: the account of what became of each image."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Float, Identity, SmallInteger
from sqlmodel import Field, SQLModel

from fanfare_shared.contracts.words import BatchStatus, ItemOutcome
from fanfare_shared.db.types import Json, Timestamp
from fanfare_shared.ids import uuid7


class ItemCounts(SQLModel):
    """How many items ended how. A batch's row has its own, a job's the sum over its closed batches."""

    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    errors: dict[str, int] = Field(default_factory=dict, sa_type=Json)


class ImageJob(ItemCounts, table=True):
    """One operation on many images; an upload is one, too.

    `parameters` are the operation's (`{"pipeline": …}`, `{"folder_id": …}`), `target` says which images
    (see `fanfare_shared.images.targets`). `rate` is as it was given (`10/m`), `seconds_per_item` what it means, and
    `next_batch_at` when a job with a rate may have its next batch. `then_job` and `on_failure_job` are requests for jobs over
    what succeeded and what failed, made in the transaction that ends this one, with this one as their `parent_id`.
    `rejected` is `{"count": n, "codes": {code: count}, "first": [{"id", "code"}]}`. The rest is as a campaign's.
    """

    __tablename__ = "image_jobs"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    parent_id: UUID | None = None
    operation: str
    parameters: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    target: dict[str, Any] = Field(sa_type=Json)
    lane: str
    rate: str | None = None
    seconds_per_item: float | None = Field(default=None, sa_type=Float(53))
    next_batch_at: datetime | None = Field(default=None, sa_type=Timestamp)
    then_job: dict[str, Any] | None = Field(default=None, sa_type=Json)
    on_failure_job: dict[str, Any] | None = Field(default=None, sa_type=Json)
    webhook_url: str | None = None
    webhook_secret_encrypted: str | None = None
    notify_email: str | None = None
    rejected: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    result: dict[str, Any] | None = Field(default=None, sa_type=Json)
    status: str
    pause_reason: str | None = None
    final_status: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    settled: int = Field(default=0, sa_type=BigInteger)
    created_by: str
    request_id: str | None = None
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    updated_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    scheduled_at: datetime | None = Field(default=None, sa_type=Timestamp)
    expires_at: datetime | None = Field(default=None, sa_type=Timestamp)
    started_at: datetime | None = Field(default=None, sa_type=Timestamp)
    completed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    due_at: datetime | None = Field(default=None, sa_type=Timestamp)


class ImageJobPlan(SQLModel, table=True):
    """How far planning has come: `cursor` is the last image planned, `ceiling` the last there was at the start."""

    __tablename__ = "image_job_plans"

    job_id: UUID = Field(primary_key=True, foreign_key="image_jobs.id")
    cursor: UUID | None = None
    ceiling: UUID | None = None
    total: int = Field(default=0, sa_type=BigInteger)
    batches: int = 0
    planned_at: datetime | None = Field(default=None, sa_type=Timestamp)


class ImageBatch(ItemCounts, table=True):
    """A range of a job's items on one lane. An item that turns out heavy leaves it for a batch of its own, so `size` may be
    less than the range is long; `image_items.batch_id` says which batch has an item now.

    `running` is the position being worked on: written before the work, so that an image that kills its worker is known.
    `due_at`, `epoch`, `writes` and `lost_claims` are as a campaign's batch has them.
    """

    __tablename__ = "image_batches"

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity(always=True)])
    job_id: UUID = Field(foreign_key="image_jobs.id")
    lane: str
    first_position: int
    last_position: int
    size: int
    status: str = BatchStatus.READY
    due_at: datetime | None = Field(default=None, sa_type=Timestamp)
    hints: int = Field(default=0, sa_type=SmallInteger)
    epoch: int = 0
    worker: str | None = None
    running: int | None = None
    writes: int = 0
    claimed_writes: int = 0
    lost_claims: int = Field(default=0, sa_type=SmallInteger)
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    claimed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    closed_at: datetime | None = Field(default=None, sa_type=Timestamp)


class ImageItem(SQLModel, table=True):
    """One image of a job and its one terminal outcome. `name` is the image's when it was planned.

    `attempts` counts the times work on it began, `deaths` the workers that died meanwhile. `result` is what the operation
    made: `{"image_id"}` of a copy, `{"name"}` of a rename.
    """

    __tablename__ = "image_items"

    job_id: UUID = Field(primary_key=True, foreign_key="image_jobs.id")
    position: int = Field(primary_key=True)
    batch_id: int = Field(sa_type=BigInteger)
    image_id: UUID
    name: str
    status: str = ItemOutcome.PENDING
    error_code: str | None = None
    error_message: str | None = None
    attempts: int = Field(default=0, sa_type=SmallInteger)
    deaths: int = Field(default=0, sa_type=SmallInteger)
    duration_ms: int | None = None
    result: dict[str, Any] | None = Field(default=None, sa_type=Json)
    finished_at: datetime | None = Field(default=None, sa_type=Timestamp)

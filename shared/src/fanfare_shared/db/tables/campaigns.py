"""Campaigns, their plans, their batches, and the deliveries: the account of who got what."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, LargeBinary, SmallInteger
from sqlmodel import Field, SQLModel

from fanfare_shared.contracts.words import BatchStatus, DeliveryGuarantee, JobStatus
from fanfare_shared.db.types import BigIntArray, IntArray, Json, Timestamp
from fanfare_shared.ids import uuid7


class Counts(SQLModel):
    """How many devices ended how. A batch's row has its own, a campaign's the sum over its closed batches."""

    accepted: int = 0
    invalid_token: int = 0
    failed: int = 0
    expired: int = 0
    cancelled: int = 0
    unknown: int = 0
    errors: dict[str, int] = Field(default_factory=dict, sa_type=Json)


class Campaign(Counts, table=True):
    """One message to many devices.

    `settled` is how many positions of closed batches were not handed on to a follow-up, so that
    `pending = plan.total - settled - what the open batches have recorded` without counting an audience.
    `due_at` is when the sweep looks next: the scheduled start, a lost hint, the expiry.
    `final_status` and the error say what `cancelling` ends as. `deactivate_due_at` is when the dead tokens are dealt with.
    `payload_verdict` is null until a 400 raises the question, then `asked`, `ok` (the tokens are at fault) or `bad`.
    """

    __tablename__ = "campaigns"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    app_id: UUID = Field(foreign_key="apps.id")
    title: str
    message: str
    data_payload: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    image_url: str | None = None
    priority: str
    target: dict[str, Any] = Field(sa_type=Json)
    ttl_seconds: int
    collapse_key: str | None = None
    rate_per_second: int | None = None
    delivery: str = DeliveryGuarantee.AT_LEAST_ONCE
    dry_run: bool = False
    webhook_url: str | None = None
    notify_email: str | None = None
    status: str = JobStatus.DRAFT
    pause_reason: str | None = None
    final_status: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    payload_verdict: str | None = None
    settled: int = Field(default=0, sa_type=BigInteger)
    created_by: str
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    updated_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    scheduled_at: datetime | None = Field(default=None, sa_type=Timestamp)
    expires_at: datetime | None = Field(default=None, sa_type=Timestamp)
    started_at: datetime | None = Field(default=None, sa_type=Timestamp)
    completed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    due_at: datetime | None = Field(default=None, sa_type=Timestamp)
    deactivate_due_at: datetime | None = Field(default=None, sa_type=Timestamp)


class CampaignPlan(SQLModel, table=True):
    """How far planning has come. Its row is the planner's lock, apart from the campaign's, which closing batches take.

    `cursor` is the last device id planned, `ceiling` the largest at the start, `unmatched` what of `user_ids` had no
    active device: `{"count": n, "first": [at most 100]}`.
    """

    __tablename__ = "campaign_plans"

    campaign_id: UUID = Field(primary_key=True, foreign_key="campaigns.id")
    cursor: int = Field(default=0, sa_type=BigInteger)
    ceiling: int = Field(sa_type=BigInteger)
    total: int = Field(default=0, sa_type=BigInteger)
    batches: int = 0
    unmatched: dict[str, Any] | None = Field(default=None, sa_type=Json)
    planned_at: datetime | None = Field(default=None, sa_type=Timestamp)


class Batch(Counts, table=True):
    """An ordered array of device ids, fixed at planning, and how far it was sent.

    `due_at` means, by status: ready, when it may be dispatched; published, when its hint is repeated; leased, when the
    lease ends. `started` is the journal: positions below it may have been sent. `writes` counts the journal's writes, so
    that a commit in doubt can be told from one that failed. `retry_positions` with `retry_kinds` are the positions a
    follow-up takes (see `fanfare_shared.campaigns.retries`). `attempt` is the generation; `ambiguous` says that the last
    send of each of its devices was.
    """

    __tablename__ = "batches"

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity(always=True)])
    campaign_id: UUID = Field(foreign_key="campaigns.id")
    app_id: UUID
    priority: str
    parent_id: int | None = Field(default=None, sa_type=BigInteger)
    attempt: int = Field(default=1, sa_type=SmallInteger)
    ambiguous: bool = False
    device_ids: list[int] = Field(sa_type=BigIntArray)
    size: int
    status: str = BatchStatus.READY
    due_at: datetime | None = Field(default=None, sa_type=Timestamp)
    hints: int = Field(default=0, sa_type=SmallInteger)
    epoch: int = 0
    worker: str | None = None
    started: int = 0
    writes: int = 0
    claimed_writes: int = 0
    lost_claims: int = Field(default=0, sa_type=SmallInteger)
    retry_positions: list[int] = Field(default_factory=list, sa_type=IntArray)
    retry_kinds: list[int] = Field(default_factory=list, sa_type=IntArray)
    retry_after: int = 0
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    claimed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    closed_at: datetime | None = Field(default=None, sa_type=Timestamp)


class Delivery(SQLModel, table=True):
    """A device's one terminal outcome. Range-partitioned by campaign id; no foreign keys, for rows outlive devices.

    `token_digest` is kept of dead tokens only: deactivation compares it with what the device has now.
    """

    __tablename__ = "deliveries"

    campaign_id: UUID = Field(primary_key=True)
    device_id: int = Field(sa_type=BigInteger, primary_key=True)
    sent_at: datetime | None = Field(default=None, sa_type=Timestamp)
    attempts: int = Field(sa_type=SmallInteger)
    platform: str
    status: str
    user_id: str
    message_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    token_digest: bytes | None = Field(default=None, sa_type=LargeBinary)

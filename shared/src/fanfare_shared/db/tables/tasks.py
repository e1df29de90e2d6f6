"""Small work of its own: probes (sends outside any account) and notifications."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import SmallInteger
from sqlmodel import Field, SQLModel

from fanfare_shared.contracts.words import TaskStatus
from fanfare_shared.db.types import Json, Timestamp
from fanfare_shared.ids import uuid7


class Probe(SQLModel, table=True):
    """A send outside any account, done by a push-worker. `kind`:

    - `app_check`: one `validate_only` send to a topic, to see that the app's credentials work;
    - `campaign_test`: the campaign's message to the devices in `request["device_ids"]`;
    - `payload_verdict`: the campaign's payload, `validate_only`, to a topic: is the payload at fault, or the tokens?

    `due_at` is when it is (re)published or its lease ends; null when it is done.
    """

    __tablename__ = "probes"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    kind: str
    app_id: UUID = Field(foreign_key="apps.id")
    campaign_id: UUID | None = Field(default=None, foreign_key="campaigns.id")
    request: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    status: str = TaskStatus.PENDING
    attempts: int = Field(default=0, sa_type=SmallInteger)
    result: dict[str, Any] | None = Field(default=None, sa_type=Json)
    error: dict[str, Any] | None = Field(default=None, sa_type=Json)
    due_at: datetime | None = Field(default=None, sa_type=Timestamp)
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    finished_at: datetime | None = Field(default=None, sa_type=Timestamp)


class Notification(SQLModel, table=True):
    """A webhook or an e-mail about a bulk job, made in the transaction that ended it. `event` is e.g. `campaign.completed`.

    About a campaign of an app, or about an image job: `campaign_id` and `app_id`, or `job_id`.

    `due_at` is when it is tried (again) or its lease ends; null when it is delivered or given up after a day.
    """

    __tablename__ = "notifications"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    campaign_id: UUID | None = Field(default=None, foreign_key="campaigns.id")
    app_id: UUID | None = Field(default=None, foreign_key="apps.id")
    job_id: UUID | None = Field(default=None, foreign_key="image_jobs.id")
    kind: str
    event: str
    target: str
    payload: dict[str, Any] = Field(sa_type=Json)
    status: str = TaskStatus.PENDING
    attempts: int = Field(default=0, sa_type=SmallInteger)
    last_error: str | None = None
    due_at: datetime | None = Field(default=None, sa_type=Timestamp)
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    delivered_at: datetime | None = Field(default=None, sa_type=Timestamp)

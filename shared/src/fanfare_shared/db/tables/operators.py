"""What operators look at: API keys, the audit log, the daily runs, dead letters; and idempotency keys."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, LargeBinary
from sqlmodel import Field, SQLModel

from fanfare_shared.db.types import Json, TextArray, Timestamp
from fanfare_shared.ids import uuid7


class ApiKey(SQLModel, table=True):
    """A key is shown once and stored as its digest. `app_ids` null: every app."""

    __tablename__ = "api_keys"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    name: str
    key_digest: bytes = Field(sa_type=LargeBinary, unique=True)
    scopes: list[str] = Field(sa_type=TextArray)
    app_ids: list[str] | None = Field(default=None, sa_type=TextArray)
    created_by: str
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    last_used_at: datetime | None = Field(default=None, sa_type=Timestamp)
    revoked_at: datetime | None = Field(default=None, sa_type=Timestamp)


class AuditEntry(SQLModel, table=True):
    """Who did what, when."""

    __tablename__ = "audit_log"

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity(always=True)])
    at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    actor: str
    action: str
    subject: str
    app_id: UUID | None = None
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    request_id: str | None = None


class IdempotencyKey(SQLModel, table=True):
    """The answer to a JSON `POST`, kept in the transaction of what it did."""

    __tablename__ = "idempotency_keys"

    api_key_id: UUID = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request_digest: bytes = Field(sa_type=LargeBinary)
    status: int
    headers: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    body: str
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})


class DeadLetter(SQLModel, table=True):
    """What could not be done and waits for a human: a message from the `dead` queue, a batch set aside, a notification
    given up. `source` is `message`, `batch`, `image_batch` or `notification`, `source_id` the row it came from.
    """

    __tablename__ = "dead_letters"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    source: str
    source_id: str | None = None
    queue: str | None = None
    task: str | None = None
    reason: str
    body: str | None = None
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    retried_at: datetime | None = Field(default=None, sa_type=Timestamp)
    retried_by: str | None = None


class ScheduleRun(SQLModel, table=True):
    """One run of the daily work, claimed by inserting its `(name, due_at)`."""

    __tablename__ = "schedule_runs"

    name: str = Field(primary_key=True)
    due_at: datetime = Field(sa_type=Timestamp, primary_key=True)
    status: str
    dry_run: bool = False
    started_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    finished_at: datetime | None = Field(default=None, sa_type=Timestamp)
    result: dict[str, Any] | None = Field(default=None, sa_type=Json)
    error: str | None = None

"""Apps: one Firebase project each, with its credentials, its quota and its breaker."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from fanfare_shared.db.types import Timestamp
from fanfare_shared.ids import uuid7


class App(SQLModel, table=True):
    """Either `credentials_encrypted` (a service account's JSON, Fernet) or `credentials_secret` (a mounted file's name)."""

    __tablename__ = "apps"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    name: str = Field(unique=True)
    firebase_project_id: str = Field(unique=True)
    credentials_encrypted: str | None = None
    credentials_secret: str | None = None
    quota_per_minute: int
    webhook_secret_encrypted: str
    paused_until: datetime | None = Field(default=None, sa_type=Timestamp)
    pause_reason: str | None = None
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    updated_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})

"""Devices: a token each, and whom it belongs to."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Identity, LargeBinary
from sqlmodel import Field, SQLModel

from fanfare_shared.db.types import TextArray, Timestamp


class Device(SQLModel, table=True):
    """Unique by `(app_id, token_digest)`. `registered_at` is the last registration, which a dead token's answer must not undo."""

    __tablename__ = "devices"

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity(always=True)])
    app_id: UUID = Field(foreign_key="apps.id")
    user_id: str
    token: str
    token_digest: bytes = Field(sa_type=LargeBinary)
    platform: str
    locale: str | None = None
    timezone: str | None = None
    tags: list[str] = Field(default_factory=list, sa_type=TextArray)
    is_active: bool = True
    registered_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    deactivated_at: datetime | None = Field(default=None, sa_type=Timestamp)
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    updated_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})

"""Images: where they lie, what they were made of, what was made of them; and uploads under way."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, LargeBinary
from sqlmodel import Field, SQLModel

from fanfare_shared.db.types import Json, Timestamp
from fanfare_shared.ids import uuid7


class Folder(SQLModel, table=True):
    """`path` is the names from the top, `/` between them: `holiday/2026`. Images outside any folder have no `folder_id`."""

    __tablename__ = "folders"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    parent_id: UUID | None = Field(default=None, foreign_key="folders.id")
    name: str
    path: str = Field(unique=True)
    created_by: str
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    updated_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})


class Original(SQLModel, table=True):
    """One stored file, found by its SHA-256: the same bytes uploaded again are another image of the same original.

    `format` to `price` are null until a worker has read the header; `price` is the memory that decoding takes, in bytes.
    `key` is null once the file was dropped for its age; the variants stay.
    """

    __tablename__ = "originals"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    digest: bytes = Field(sa_type=LargeBinary, unique=True)
    key: str | None = Field(default=None, unique=True)
    size: int = Field(sa_type=BigInteger)
    format: str | None = None
    media_type: str
    width: int | None = None
    height: int | None = None
    pages: int | None = None
    price: int | None = Field(default=None, sa_type=BigInteger)
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    dropped_at: datetime | None = Field(default=None, sa_type=Timestamp)


class Image(SQLModel, table=True):
    """A file as its owner knows it: `name` is data, never a path. Trashed ones are seen in the trash alone."""

    __tablename__ = "images"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    original_id: UUID = Field(foreign_key="originals.id")
    folder_id: UUID | None = Field(default=None, foreign_key="folders.id")
    name: str
    owner: str | None = None
    status: str
    error_code: str | None = None
    error_message: str | None = None
    created_by: str
    uploaded_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    updated_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    trashed_at: datetime | None = Field(default=None, sa_type=Timestamp)


class StoredVariant(SQLModel, table=True):
    """What was made of an image. `key` is a hash of source, pipeline and engine: several images may share the object."""

    __tablename__ = "variants"

    image_id: UUID = Field(primary_key=True, foreign_key="images.id")
    name: str = Field(primary_key=True)
    key: str
    format: str
    media_type: str
    width: int
    height: int
    pages: int = 1
    size: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})


class Upload(SQLModel, table=True):
    """An upload that comes in parts (`resumable`) or straight to storage (`direct`). `request` is what is to become of it:
    `{"name", "folder", "owner", "pipeline"}`; `state` what the one who stores it needs to go on.
    """

    __tablename__ = "uploads"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    kind: str
    key: str = Field(unique=True)
    request: dict[str, Any] = Field(sa_type=Json)
    size: int | None = Field(default=None, sa_type=BigInteger)
    received: int = Field(default=0, sa_type=BigInteger)
    state: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    image_id: UUID | None = None
    job_id: UUID | None = None
    created_by: str
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    updated_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})
    expires_at: datetime = Field(sa_type=Timestamp)
    completed_at: datetime | None = Field(default=None, sa_type=Timestamp)


class DoomedObject(SQLModel, table=True):
    """An object to remove from storage: written in the transaction that removed the last row that names it."""

    __tablename__ = "doomed_objects"

    key: str = Field(primary_key=True)
    due_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": "now()"})

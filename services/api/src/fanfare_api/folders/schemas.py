"""Folders as the API takes and shows them."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import Field, model_validator

from fanfare_api.http.schemas import RequestBody, Shown


class FolderCreate(RequestBody):
    """By `path`, or by `parent_id` and `name`."""

    path: str | None = Field(
        default=None, description="From the top; what is missing above it is made", examples=["holiday/2026"]
    )
    parent_id: UUID | None = Field(default=None, description="The folder it goes into; null: the top")
    name: str | None = Field(default=None, examples=["2026"])

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if (self.path is None) == (self.name is None) or (self.path is not None and self.parent_id is not None):
            raise ValueError("give path, or name and perhaps parent_id")
        return self


class FolderChange(RequestBody):
    """What is left out stays. `parent_id` null moves the folder to the top."""

    name: str | None = Field(default=None, examples=["2027"])
    parent_id: UUID | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set or ("name" in self.model_fields_set and self.name is None):
            raise ValueError("give name, parent_id or both; a name is never null")
        return self


class FolderShown(Shown):
    """`path` is the names from the top, with / between them."""

    id: UUID
    parent_id: UUID | None
    name: str
    path: str = Field(examples=["holiday/2026"])
    created_by: str
    created_at: datetime
    updated_at: datetime

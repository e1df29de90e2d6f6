"""Images as the API shows and changes them."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from fanfare_api.http.schemas import RequestBody
from fanfare_shared.contracts.words import ImageStatus


class OriginalShown(BaseModel):
    """`width` and `height` are null until the image was looked into; `dropped_at` says when the file was removed for its
    age, null while it is there.
    """

    size: int = Field(description="Bytes")
    media_type: str = Field(examples=["image/jpeg"])
    width: int | None
    height: int | None
    address: str = Field(examples=["/v1/images/0199…/original"])
    dropped_at: datetime | None


class VariantShown(BaseModel):
    size: int = Field(description="Bytes")
    format: str = Field(examples=["jpeg"])
    media_type: str = Field(examples=["image/jpeg"])
    width: int
    height: int
    pages: int = Field(description="Frames of an animation; 1 otherwise")
    filename: str = Field(description="What it is called when downloaded", examples=["photo_resized.jpg"])
    address: str = Field(description="For ever the same bytes: `v` changes with them", examples=["/v1/images/0199…"])


class ErrorShown(BaseModel):
    code: str = Field(examples=["IMAGE_CORRUPT"])
    message: str


class ImageShown(BaseModel):
    """`processing` until its variants are made, then `ready` or `failed`, with the `error`."""

    id: UUID
    name: str
    status: ImageStatus
    error: ErrorShown | None
    folder: str | None = Field(description="The folder's path; null at the top", examples=["holiday/2026"])
    folder_id: UUID | None
    owner: str | None
    created_by: str
    uploaded_at: datetime
    updated_at: datetime
    trashed_at: datetime | None
    original: OriginalShown
    variants: dict[str, VariantShown] = Field(description="By name")


class ImageChange(RequestBody):
    """What is left out stays. `folder_id` null, or an empty `folder`, moves the image to the top."""

    name: str | None = Field(default=None, examples=["beach.jpg"])
    folder: str | None = Field(default=None, description="A folder's path; what is missing of it is made")
    folder_id: UUID | None = None

    @model_validator(mode="before")
    @classmethod
    def _says_something(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values:
            raise ValueError("give name, folder or folder_id")
        return values

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if {"folder", "folder_id"} <= self.model_fields_set:
            raise ValueError("give folder or folder_id, not both")
        if "name" in self.model_fields_set and self.name is None:
            raise ValueError("a name is never null")
        return self


class LinkRequest(RequestBody):
    what: str = Field(description="`original`, or a variant's name", examples=["resized"])
    expires_in: int = Field(default=3600, ge=1, le=604_800, description="Seconds the link is good for")


class LinkShown(BaseModel):
    """A request that needs no API key until `expires_at`. Whoever has the address may use it."""

    method: str = Field(examples=["GET"])
    url: str
    expires_at: datetime

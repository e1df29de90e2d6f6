"""What an upload takes as JSON, and what it answers."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from fanfare_api.http.schemas import Text
from fanfare_api.uploads.wishes import UploadWishes
from fanfare_shared.contracts.words import ImageStatus


class ImageTaken(BaseModel):
    id: UUID
    name: str
    status: ImageStatus
    folder: str | None = Field(description="Its folder's path; null at the top", examples=["holiday/2026"])
    duplicate_of: UUID | None = Field(
        default=None, description="An image with the same bytes, which are stored once; null where there is none"
    )


class FileRejected(BaseModel):
    """`code` is the one that work on such an image would end with."""

    name: str = Field(description="As it was given, fit to be shown")
    code: str = Field(examples=["IMAGE_TYPE_UNSUPPORTED"])
    message: str


class UploadTaken(BaseModel):
    """The images that were made of an upload, in its order, and the job that makes their variants; it is the task, too."""

    images: list[ImageTaken]
    rejected: list[FileRejected]
    job_id: UUID
    task_id: UUID


class UploadShown(BaseModel):
    """An upload in parts or straight to storage. `image_id` and `job_id` are null until it is complete."""

    upload_id: UUID
    kind: str = Field(examples=["direct", "resumable"])
    size: int = Field(description="Bytes it will have")
    received: int | None = Field(description="Bytes that have arrived; null where they do not pass through here")
    created_at: datetime
    expires_at: datetime
    completed_at: datetime | None
    image_id: UUID | None
    job_id: UUID | None


class DirectUploadCreate(UploadWishes):
    name: Text = Field(description="The file's name, or its path below the folder", examples=["a.jpg", "2026/a.jpg"])
    size: int = Field(ge=0, description="Bytes, exactly as many as will be sent")
    media_type: str = Field(examples=["image/jpeg"])

    def wishes(self) -> UploadWishes:
        return UploadWishes.model_validate(self.model_dump(include=set(UploadWishes.model_fields)))


class DirectUploadMade(BaseModel):
    """A request that sends the file; whoever has it may send one, until it expires."""

    upload_id: UUID
    method: str = Field(examples=["PUT"])
    url: str
    headers: dict[str, str] = Field(examples=[{"content-type": "image/jpeg", "content-length": "2097152"}])
    expires_at: datetime

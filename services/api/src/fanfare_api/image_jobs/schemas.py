"""The image job's JSON shapes: what callers send."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field, StrictBool, model_validator

from fanfare_api.bulk.limits import check_email
from fanfare_api.http.schemas import RequestBody, Text
from fanfare_api.image_jobs.operations import Archive, FileOperation
from fanfare_api.image_jobs.rates import check_rate
from fanfare_shared.contracts.words import Operation
from fanfare_shared.images.pipeline import SLUG, Pipeline

MAX_IMAGE_IDS = 100_000
MAX_FOLLOW_UPS_DEEP = 5
# An id in JSON with its quotes and its comma, set out in lines as some encoders do.
MAX_BODY_BYTES = MAX_IMAGE_IDS * 48 + 1_048_576

_IDS = ("image_ids",)
_FOLDERS = ("folder_id", "folder")


class ImageTarget(RequestBody):
    """Which images: these, those of a folder, all, or those of the trash.

    `folder_id` null is the top; `recursive` adds the folders below. `owner` leaves out other owners' images of a folder or
    of all. `trashed_before` is for `restore` and `purge`: what was trashed before then, null for the whole trash.
    """

    image_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_IMAGE_IDS)] | None = None
    folder_id: UUID | None = None
    folder: Annotated[Text, Field(min_length=1)] | None = None
    recursive: StrictBool = False
    all: Literal[True] | None = None
    owner: Annotated[Text, Field(min_length=1, max_length=256)] | None = None
    trashed_before: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "ImageTarget":
        given = self.model_fields_set
        named = [name for name in ("image_ids", "folder", "all") if getattr(self, name) is not None]
        named += [name for name in ("folder_id", "trashed_before") if name in given]
        if len(named) != 1:
            raise ValueError("give one of image_ids, folder_id, folder, all and trashed_before")
        if self.recursive and named[0] not in {"folder_id", "folder"}:
            raise ValueError("recursive goes with folder_id or folder")
        if self.owner is not None and named[0] not in {"folder_id", "folder", "all"}:
            raise ValueError("owner goes with folder_id, folder or all")
        return self

    @property
    def is_trash(self) -> bool:
        return "trashed_before" in self.model_fields_set


class JobRequest(RequestBody):
    """What is done to the images, and what follows: `then` over those it succeeded for, `on_failure` over the others."""

    pipeline: Pipeline | None = None
    preset: Annotated[Text, Field(pattern=SLUG)] | None = None
    operation: FileOperation | None = None
    scheduled_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = Field(default=None, description="When the rest is given up; by default never")
    rate: Annotated[Text, AfterValidator(check_rate)] | None = Field(
        default=None, description="Images at most, per second, minute or hour", examples=["5/s", "10/m", "600/h"]
    )
    then: "JobRequest | None" = None
    on_failure: "JobRequest | None" = None
    webhook_url: Annotated[Text, Field(max_length=2048)] | None = None
    webhook_secret: Annotated[Text, Field(min_length=16, max_length=256)] | None = Field(
        default=None,
        description="What signs the webhooks; without it one is made, and shown in the answer to this alone",
    )
    notify_email: Annotated[Text, Field(max_length=254), AfterValidator(check_email)] | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> "JobRequest":
        if sum(what is not None for what in (self.pipeline, self.preset, self.operation)) != 1:
            raise ValueError("give one of pipeline, preset and operation")
        if self.webhook_secret is not None and self.webhook_url is None:
            raise ValueError("webhook_secret goes with webhook_url")
        if self.does is Operation.PURGE and self.then is not None:
            raise ValueError("then: a purge leaves nothing to work on")
        if self.depth > MAX_FOLLOW_UPS_DEEP + 1:
            raise ValueError(f"then and on_failure may be {MAX_FOLLOW_UPS_DEEP} deep at most")
        return self

    @property
    def does(self) -> Operation:
        return Operation.PROCESS if self.operation is None else Operation(self.operation.kind)

    @property
    def variant(self) -> str | None:
        """What an archive is of, if not of the originals."""
        return self.operation.variant if isinstance(self.operation, Archive) else None

    @property
    def depth(self) -> int:
        """1 for a job that nothing follows."""
        return 1 + max((follower.depth for follower in self.followers), default=0)

    @property
    def followers(self) -> list["JobRequest"]:
        return [follower for follower in (self.then, self.on_failure) if follower is not None]


class ImageJobCreate(JobRequest):
    target: ImageTarget
    dry_run: StrictBool = Field(
        default=False,
        description="Only say how many images it would be, how long it would take, and which are rejected",
    )

    @model_validator(mode="after")
    def _fits_its_target(self) -> "ImageJobCreate":
        if self.target.is_trash and self.does not in {Operation.RESTORE, Operation.PURGE}:
            raise ValueError("target.trashed_before goes with restore and purge")
        if self.does is Operation.RESTORE and not (self.target.is_trash or self.target.image_ids):
            raise ValueError("restore takes target.image_ids or target.trashed_before: folders hold no trashed images")
        return self

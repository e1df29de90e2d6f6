"""What is to become of uploaded files, the same for every way to upload: where they go, whose they are, which pipeline."""

from collections.abc import Mapping
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from fanfare_api.http.schemas import RequestBody, Text
from fanfare_shared.errors import InvalidRequestError
from fanfare_shared.images.pipeline import DEFAULT_PIPELINE, Pipeline


class UploadWishes(RequestBody):
    """All optional: without a folder, at the top; without a pipeline or preset, `default`."""

    folder: Text | None = Field(
        default=None, description="The folder's path; what is missing of it is made", examples=["holiday/2026"]
    )
    folder_id: UUID | None = Field(default=None, description="Instead of `folder`: one that exists")
    owner: Annotated[Text, Field(min_length=1, max_length=255)] | None = Field(
        default=None, description="Your own name for whose they are", examples=["user-1"]
    )
    pipeline: Pipeline | None = Field(default=None, description="The variants to make")
    preset: str | None = Field(default=None, description="Instead of `pipeline`: a named one", examples=["thumbnails"])

    @model_validator(mode="after")
    def _says_things_once(self) -> Self:
        if self.folder is not None and self.folder_id is not None:
            raise ValueError("give folder or folder_id, not both")
        if self.pipeline is not None and self.preset is not None:
            raise ValueError("give pipeline or preset, not both")
        return self


def pipeline_of(wishes: UploadWishes, presets: Mapping[str, Pipeline]) -> Pipeline:
    """Raises InvalidRequestError for a preset that this deployment does not have."""
    if wishes.pipeline is not None:
        return wishes.pipeline
    if wishes.preset is None:
        return presets.get("default", DEFAULT_PIPELINE)
    if (pipeline := presets.get(wishes.preset)) is None:
        raise InvalidRequestError(f"preset: there is no such one; there are {', '.join(sorted(presets))}")
    return pipeline

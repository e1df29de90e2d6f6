"""The settings of planning and dispatching image jobs."""

from pydantic import Field

from fanfare_shared.images.settings import ImagePriceSettings


class ImagePlanSettings(ImagePriceSettings):
    image_batch_size: int = Field(
        default=50,
        ge=1,
        le=1_000,
        description="Images in a batch that makes variants, at most; heavy ones have their own",
    )
    image_file_batch_size: int = Field(
        default=5_000, ge=1, le=20_000, description="Images in a batch of a file operation (move, trash, …), at most"
    )
    image_lane_batches: int = Field(
        default=32,
        ge=1,
        le=1_000,
        description="Batches of a lane that are published and unfinished, at most: more than its workers work on at once",
    )

"""The image-worker's settings."""

from pydantic import Field

from fanfare_image_worker.engine.limits import Limits
from fanfare_shared.images.settings import ImagePriceSettings, ImageSizeSettings
from fanfare_shared.settings import BrokerSettings, DatabaseSettings, StorageSettings, WorkerSettings


class ImageWorkerSettings(
    DatabaseSettings, BrokerSettings, StorageSettings, ImageSizeSettings, ImagePriceSettings, WorkerSettings
):
    """The limits of one image are checked from its header where that tells, before anything is decoded."""

    image_max_pixels: int = Field(
        default=200_000_000, ge=1, description="The most pixels an image may have, all its frames together"
    )
    image_max_frames: int = Field(default=500, ge=1, description="The most frames an animation may have")
    image_time_limit_seconds: float = Field(
        default=60.0, ge=1.0, description="What work on one image may take; then its process is killed"
    )
    image_memory_limit_bytes: int = Field(
        default=2_147_483_648,
        ge=268_435_456,
        description="What work on one image may add to its process's address space (`RLIMIT_AS`)",
    )

    @property
    def limits(self) -> Limits:
        return Limits(self.image_max_bytes, self.image_max_pixels, self.image_max_frames)

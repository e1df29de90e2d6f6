"""What one child process holds and keeps from batch to batch: connections, storage, watermarks."""

import gc
import logging

from fanfare_image_worker.engine.process import configure
from fanfare_image_worker.pipelines.watermarks import WatermarkFiles
from fanfare_image_worker.settings import ImageWorkerSettings
from fanfare_image_worker.time_limit import let_alarms_kill
from fanfare_image_worker.worker_name import worker_name
from fanfare_shared.db.connection import Ledger
from fanfare_shared.storage.opening import open_storage
from fanfare_shared.worker.publisher import Publisher
from fanfare_shared.worker.stop_flag import StopFlag

_BESIDE_THE_IMAGE_SECONDS = 60.0
"""Of a lease: what storage may take to give the original and take the variants, and the ledger to record them."""


class WorkingProcess:
    """Made after the fork, once a child."""

    def __init__(self, settings: ImageWorkerSettings, publisher: Publisher, stop_flag: StopFlag) -> None:
        # What the imports left is never garbage, and an image makes few cycles: collecting often only costs.
        gc.freeze()
        let_alarms_kill()
        # libvips tells of each image what it does, which costs more than a small one's decoding.
        logging.getLogger("pyvips").setLevel(logging.WARNING)
        self.settings = settings
        self.publisher = publisher
        self.stop_flag = stop_flag
        self.name = worker_name()
        self.ledger = Ledger(settings, "image-worker")
        self.storage = open_storage(settings, may_begin=False)
        self.watermark_files = WatermarkFiles(self.storage)
        configure(settings.image_memory_limit_bytes)

    @property
    def lease_seconds(self) -> float:
        """Renewed with every image, so it outlasts one."""
        return self.settings.image_time_limit_seconds + _BESIDE_THE_IMAGE_SECONDS

    @property
    def limits_in_words(self) -> str:
        """What an image that kills its worker has most likely broken."""
        seconds, memory = self.settings.image_time_limit_seconds, self.settings.image_memory_limit_bytes
        return f"The limits are {seconds:g} s and {memory:,} bytes"

    def close(self) -> None:
        self.ledger.close()

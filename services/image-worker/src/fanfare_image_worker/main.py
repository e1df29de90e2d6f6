"""The console script `fanfare-image-worker`."""

from fanfare_image_worker.settings import ImageWorkerSettings
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.worker.app import make_app
from fanfare_shared.worker.main import run_worker

QUEUES = (Queue.IMAGES_INTERACTIVE, Queue.IMAGES_BULK, Queue.IMAGES_HEAVY, Queue.FILES_BULK)


def main() -> None:
    settings = ImageWorkerSettings()
    app = make_app("image-worker", settings)
    run_worker(app, settings, name="image-worker", queues=QUEUES)

"""The console script `fanfare-image-worker`."""

from fanfare_image_worker.process import WorkingProcess
from fanfare_image_worker.settings import ImageWorkerSettings
from fanfare_image_worker.tasks import register
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.metrics import show_build
from fanfare_shared.worker.app import make_app
from fanfare_shared.worker.children import per_child
from fanfare_shared.worker.main import run_worker
from fanfare_shared.worker.publisher import Publisher
from fanfare_shared.worker.stop_flag import StopFlag, watch_for_shutdown

QUEUES = (Queue.IMAGES_INTERACTIVE, Queue.IMAGES_BULK, Queue.IMAGES_HEAVY, Queue.FILES_BULK)


def main() -> None:
    settings = ImageWorkerSettings()
    show_build("image-worker")
    app = make_app("image-worker", settings)
    stop_flag = StopFlag()
    watch_for_shutdown(stop_flag)
    register(app, per_child(lambda: WorkingProcess(settings, Publisher(app), stop_flag)), stop_flag)
    run_worker(app, settings, name="image-worker", queues=QUEUES)

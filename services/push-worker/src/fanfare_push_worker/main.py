"""The console script `fanfare-push-worker`."""

from fanfare_push_worker.process import SendingProcess
from fanfare_push_worker.settings import PushWorkerSettings
from fanfare_push_worker.tasks import register
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.metrics import show_build
from fanfare_shared.worker.app import make_app
from fanfare_shared.worker.children import per_child
from fanfare_shared.worker.main import run_worker
from fanfare_shared.worker.publisher import Publisher
from fanfare_shared.worker.stop_flag import StopFlag, watch_for_shutdown

QUEUES = (Queue.PUSH_HIGH, Queue.PUSH_NORMAL, Queue.PUSH_LOW)


def main() -> None:
    settings = PushWorkerSettings()
    show_build("push-worker")
    app = make_app("push-worker", settings)
    stop_flag = StopFlag()
    watch_for_shutdown(stop_flag)
    register(app, per_child(lambda: SendingProcess(settings, Publisher(app), stop_flag)), stop_flag)
    run_worker(app, settings, name="push-worker", queues=QUEUES)

"""The image-worker's one task: a batch of a job's images."""

from celery import Celery

from fanfare_image_worker.process import WorkingProcess
from fanfare_image_worker.work_on_batch import work_on_batch
from fanfare_shared.contracts.messages import ProcessBatch
from fanfare_shared.worker.children import PerChild
from fanfare_shared.worker.stop_flag import StopFlag
from fanfare_shared.worker.task import handles

# An archive takes as long as its bytes. RabbitMQ takes a message back that was not acknowledged for half an hour.
_SOFT_TIME_LIMIT_SECONDS = 1500
_TIME_LIMIT_SECONDS = 1600


def register(app: Celery, process: PerChild[WorkingProcess], stop_flag: StopFlag) -> None:
    @handles(app, ProcessBatch, soft_time_limit=_SOFT_TIME_LIMIT_SECONDS, time_limit=_TIME_LIMIT_SECONDS)
    def take_batch(message: ProcessBatch) -> None:
        with stop_flag.busy():
            work_on_batch(process(), message.batch_id)

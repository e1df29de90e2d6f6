"""The push-worker's tasks: one per message it takes."""

from celery import Celery

from fanfare_push_worker.probes.run_probe import run_probe
from fanfare_push_worker.process import SendingProcess
from fanfare_push_worker.sending.send_batch import send_batch
from fanfare_shared.contracts.messages import RunProbe, SendBatch
from fanfare_shared.worker.children import PerChild
from fanfare_shared.worker.stop_flag import StopFlag
from fanfare_shared.worker.task import handles


def register(app: Celery, process: PerChild[SendingProcess], stop_flag: StopFlag) -> None:
    @handles(app, SendBatch)
    def take_batch(message: SendBatch) -> None:
        with stop_flag.busy():
            send_batch(process(), message.batch_id)

    @handles(app, RunProbe)
    def take_probe(message: RunProbe) -> None:
        with stop_flag.busy():
            run_probe(process(), message.probe_id)

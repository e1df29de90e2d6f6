"""From a batch's id to its ending."""

import structlog

from fanfare_image_worker.files.run import run_file_operation
from fanfare_image_worker.pipelines.run import run_pipeline
from fanfare_image_worker.process import WorkingProcess
from fanfare_image_worker.worker_name import is_dead
from fanfare_shared import tracing
from fanfare_shared.contracts.messages import SettleImageJob
from fanfare_shared.errors import LeaseLostError
from fanfare_shared.images import batches
from fanfare_shared.images.rows import Claim
from fanfare_shared.logs import get_logger

log = get_logger(__name__)


def work_on_batch(process: WorkingProcess, batch_id: int) -> None:
    """Claims the batch and does what its job says to each of its images. Nothing where it cannot be claimed.

    Raises LedgerUnavailableError where the ledger does not answer; the sweep then repeats the batch's hint.
    """
    claim = _claim(process, batch_id)
    if claim is None:
        return
    with structlog.contextvars.bound_contextvars(
        job_id=str(claim.job.id), epoch=claim.lease.epoch, lane=claim.lane.value
    ):
        tracing.annotate(epoch=claim.lease.epoch, lane=claim.lane.value)
        try:
            if claim.job.operation.makes_variants:
                run_pipeline(process, claim)
            else:
                run_file_operation(process, claim)
        except LeaseLostError as error:
            log.warning("the batch belongs to another by now", error=error.detail)
        finally:
            process.publisher.hint([SettleImageJob(job_id=claim.job.id, request_id=claim.job.request_id)])


def _claim(process: WorkingProcess, batch_id: int) -> Claim | None:
    with process.ledger.transaction() as connection:
        return batches.claim(
            connection, batch_id, process.name, process.lease_seconds, is_dead, process.limits_in_words
        )

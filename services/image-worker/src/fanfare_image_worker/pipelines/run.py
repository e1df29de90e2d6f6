"""A batch's images, one after the other, until the batch is closed or has to be given back."""

import time

from fanfare_image_worker.pipelines.make import Heavy, Maker
from fanfare_image_worker.pipelines.plan import make_plan
from fanfare_image_worker.pipelines.recorder import Recorder
from fanfare_image_worker.process import WorkingProcess
from fanfare_shared.bulk.closing import give_back
from fanfare_shared.errors import StorageUnavailableError
from fanfare_shared.images import batches
from fanfare_shared.images.kind import IMAGE_JOBS
from fanfare_shared.images.pipeline import Pipeline
from fanfare_shared.images.rows import Claim
from fanfare_shared.logs import get_logger

_STORAGE_PAUSE_SECONDS = 5.0
_PATIENCE_SECONDS = 240.0
"""A batch that is not through by then is given back: well within `doomed.VARIANT_GRACE_SECONDS`."""

log = get_logger(__name__)


def run_pipeline(process: WorkingProcess, claim: Claim) -> None:
    """Raises LeaseLostError, LedgerUnavailableError."""
    began = time.monotonic()
    pipeline = Pipeline.model_validate(claim.job.parameters["pipeline"])
    with process.ledger.transaction() as connection:
        items = batches.start_items(connection, claim.lease)
        plan = make_plan(connection, pipeline, items)
    maker, recorder = Maker(process, claim, plan), Recorder(process, claim)
    following = [*(item.position for item in items[1:]), None]
    for item, next_position in zip(items, following, strict=True):
        if process.stop_flag.is_set:
            return _give_back(process, claim, "SHUTDOWN")
        if time.monotonic() - began > _PATIENCE_SECONDS:
            return _give_back(process, claim, "PATIENCE")
        try:
            made = maker.make(item)
        except StorageUnavailableError as error:
            return _give_back(process, claim, error.code, _STORAGE_PAUSE_SECONDS)
        if isinstance(made, Heavy):
            may_work = recorder.move_to_heavy(made.item, made.facts, next_position)
        else:
            may_work = recorder.record(made, next_position)
        if not may_work and next_position is not None:
            return _give_back(process, claim, "JOB_STOPPED")
    with process.ledger.transaction() as connection:
        batches.close(connection, claim.lease)
    return None


def _give_back(process: WorkingProcess, claim: Claim, reason: str, delay_seconds: float = 0.0) -> None:
    with process.ledger.transaction() as connection:
        give_back(connection, IMAGE_JOBS, claim.lease, delay_seconds)
    log.info("batch given back", reason=reason)

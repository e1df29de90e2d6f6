"""A batch's images, one after the other, until the batch is closed or has to be given back."""

import time

from fanfare_image_worker.endings import STORAGE_PAUSE_SECONDS, close_batch, give_batch_back
from fanfare_image_worker.patience import patiently
from fanfare_image_worker.pipelines.make import Heavy, Maker
from fanfare_image_worker.pipelines.plan import make_plan
from fanfare_image_worker.pipelines.recorder import Recorder
from fanfare_image_worker.process import WorkingProcess
from fanfare_shared import tracing
from fanfare_shared.errors import StorageUnavailableError
from fanfare_shared.images import batches
from fanfare_shared.images.pipeline import Pipeline
from fanfare_shared.images.rows import Claim, Done

_PATIENCE_SECONDS = 240.0
"""A batch that is not through by then is given back: well within `doomed.VARIANT_GRACE_SECONDS`."""


def run_pipeline(process: WorkingProcess, claim: Claim) -> None:
    """Raises LeaseLostError, LedgerUnavailableError."""
    began = time.monotonic()
    pipeline = Pipeline.model_validate(claim.job.parameters["pipeline"])
    items = patiently(process, lambda connection: batches.start_items(connection, claim.lease))
    plan = patiently(process, lambda connection: make_plan(connection, pipeline, items))
    maker, recorder = Maker(process, claim, plan), Recorder(process, claim)
    following = [*(item.position for item in items[1:]), None]
    for item, next_position in zip(items, following, strict=True):
        if process.stop_flag.is_set:
            return give_batch_back(process, claim, "SHUTDOWN")
        if time.monotonic() - began > _PATIENCE_SECONDS:
            return give_batch_back(process, claim, "PATIENCE")
        try:
            with tracing.span("make image", image_id=item.image_id, position=item.position) as span:
                made = maker.make(item)
                span.set(**_told(made))
        except StorageUnavailableError as error:
            return give_batch_back(process, claim, error.code, STORAGE_PAUSE_SECONDS)
        if isinstance(made, Heavy):
            may_work = recorder.move_to_heavy(made.item, made.facts, next_position)
        else:
            may_work = recorder.record(made, next_position)
        if not may_work and next_position is not None:
            return give_batch_back(process, claim, "JOB_STOPPED")
    return close_batch(process, claim)


def _told(made: Done | Heavy) -> dict[str, str | int]:
    """For the trace."""
    if isinstance(made, Heavy):
        return {"outcome": "heavy"}
    return {
        "outcome": made.outcome.value,
        "variants": len(made.variants),
        "error": made.error.code if made.error else "",
    }

"""Writing to the ledger what became of each image: one write at a time, repeated as it was until its fate is known."""

from fanfare_image_worker.patience import patiently
from fanfare_image_worker.process import WorkingProcess
from fanfare_shared import metrics
from fanfare_shared.contracts.messages import ProcessBatch
from fanfare_shared.contracts.words import ItemOutcome, Lane
from fanfare_shared.images import batches
from fanfare_shared.images.doomed import VARIANT_GRACE_SECONDS, doom
from fanfare_shared.images.rows import Claim, Done, ItemRow, OriginalFacts
from fanfare_shared.logs import get_logger

log = get_logger(__name__)


class Recorder:
    """For one batch."""

    def __init__(self, process: WorkingProcess, claim: Claim) -> None:
        self._process = process
        self._claim = claim
        for outcome in (ItemOutcome.SUCCEEDED, ItemOutcome.FAILED):  # from 0, else the first would be no increase
            metrics.images.labels(claim.lane.value, outcome.value)

    def record(self, done: Done, next_position: int | None) -> bool:
        """Whether the next image may be begun. Raises LeaseLostError, LedgerUnavailableError."""
        lease, job, seconds = self._claim.lease, self._claim.job, self._process.lease_seconds
        recorded = patiently(self._process, lambda one: batches.record(one, lease, job, done, next_position, seconds))
        metrics.images.labels(self._claim.lane.value, done.outcome.value).inc()
        metrics.image_duration.observe(done.seconds)
        if done.error is not None:
            log.warning(
                "image failed", position=done.item.position, image_id=str(done.item.image_id), code=done.error.code
            )
        if done.variants and (done.error is not None or not recorded.image_lives):
            self._take_back(done)
        return recorded.may_work

    def move_to_heavy(self, item: ItemRow, facts: OriginalFacts | None, next_position: int | None) -> bool:
        """As `record`. Where a person waits for the image, its batch is on its queue at once."""
        claim, seconds = self._claim, self._process.lease_seconds
        publish = claim.lane is Lane.INTERACTIVE
        recorded, batch_id = patiently(
            self._process,
            lambda one: batches.move_to_heavy(one, claim.lease, item, facts, next_position, seconds, publish=publish),
        )
        log.info("image moved to the lane of heavy ones", position=item.position, image_id=str(item.image_id))
        if publish:
            message = ProcessBatch(
                batch_id=batch_id, job_id=claim.job.id, lane=Lane.HEAVY, request_id=claim.job.request_id
            )
            self._process.publisher.hint([message])
        return recorded.may_work

    def _take_back(self, done: Done) -> None:
        """The image was purged meanwhile, or failed at a later variant: what was made of it is nobody's, unless another
        image has the same.
        """
        keys = [variant.key for variant in done.variants.values()]
        patiently(self._process, lambda connection: doom(connection, keys, VARIANT_GRACE_SECONDS))

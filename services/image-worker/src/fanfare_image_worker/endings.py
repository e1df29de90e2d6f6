"""How a batch ends for its worker: closed, or given back where it stands."""

from fanfare_image_worker.patience import patiently
from fanfare_image_worker.process import WorkingProcess
from fanfare_shared.bulk.closing import give_back
from fanfare_shared.images import batches
from fanfare_shared.images.kind import IMAGE_JOBS
from fanfare_shared.images.rows import Claim
from fanfare_shared.logs import get_logger

STORAGE_PAUSE_SECONDS = 5.0
"""Until a batch is due again whose storage did not answer."""

log = get_logger(__name__)


def close_batch(process: WorkingProcess, claim: Claim) -> None:
    """Raises LeaseLostError, LedgerUnavailableError."""
    patiently(process, lambda connection: batches.close(connection, claim.lease), in_transaction=True)


def give_batch_back(process: WorkingProcess, claim: Claim, reason: str, delay_seconds: float = 0.0) -> None:
    """`reason`: for the log. Raises LeaseLostError, LedgerUnavailableError."""
    patiently(
        process,
        lambda connection: give_back(connection, IMAGE_JOBS, claim.lease, delay_seconds),
        in_transaction=True,
    )
    log.info("batch given back", reason=reason)

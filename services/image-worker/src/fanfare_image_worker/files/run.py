"""A batch of a file operation: done, recorded and closed in one transaction, so exactly once."""

import time
from collections.abc import Callable

from fanfare_image_worker.files.archive import run_archive
from fanfare_image_worker.files.copying import copy, move
from fanfare_image_worker.files.items import Outcomes, count_outcomes, record_outcomes
from fanfare_image_worker.files.removal import drop_original, purge
from fanfare_image_worker.files.renaming import rename
from fanfare_image_worker.files.trash import restore, trash
from fanfare_image_worker.patience import patiently
from fanfare_image_worker.process import WorkingProcess
from fanfare_shared.contracts.words import Operation
from fanfare_shared.db.connection import Connection
from fanfare_shared.errors import LedgerUnavailableError, StorageUnavailableError
from fanfare_shared.images.closing import close, lock
from fanfare_shared.images.doomed import remove_doomed
from fanfare_shared.images.rows import Claim
from fanfare_shared.logs import get_logger

_OPERATIONS: dict[Operation, Callable[[Connection, Claim], Outcomes]] = {
    Operation.COPY: copy,
    Operation.MOVE: move,
    Operation.RENAME: rename,
    Operation.TRASH: trash,
    Operation.RESTORE: restore,
    Operation.PURGE: purge,
    Operation.DROP_ORIGINAL: drop_original,
}
_REMOVING = {Operation.PURGE, Operation.DROP_ORIGINAL}

log = get_logger(__name__)


def run_file_operation(process: WorkingProcess, claim: Claim) -> None:
    """Raises LeaseLostError, LedgerUnavailableError."""
    if claim.job.operation is Operation.ARCHIVE:
        run_archive(process, claim)
        return
    operation, writes = _OPERATIONS[claim.job.operation], claim.lease.writes
    began = time.monotonic()

    def change(connection: Connection) -> Outcomes:
        claim.lease.writes = writes  # the transaction is repeated as a whole
        lock(connection, claim.lease)
        outcomes = operation(connection, claim)
        record_outcomes(connection, claim.lease, outcomes)
        close(connection, claim.lease)
        return outcomes

    count_outcomes(claim, patiently(process, change, in_transaction=True))
    log.info("file operation done", operation=claim.job.operation.value, seconds=round(time.monotonic() - began, 3))
    if claim.job.operation in _REMOVING:
        _remove_objects(process)


def _remove_objects(process: WorkingProcess) -> None:
    """What is doomed is noted: should it not be removed now, it is later."""
    try:
        remove_doomed(process.ledger, process.storage)
    except (LedgerUnavailableError, StorageUnavailableError) as error:
        log.warning("doomed objects are left to the sweep", error=error.detail)

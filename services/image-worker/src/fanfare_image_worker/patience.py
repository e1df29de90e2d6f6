"""Waiting for the ledger: what was done is kept, and written when it answers again."""

import time
from collections.abc import Callable
from typing import TypeVar

from fanfare_image_worker.process import WorkingProcess
from fanfare_shared.db.connection import Connection
from fanfare_shared.errors import LedgerUnavailableError
from fanfare_shared.logs import get_logger

_RETRY_SECONDS = 0.5
_PATIENCE_SECONDS = 600.0
"""A worker that gave up would look as if its image had killed it."""

T = TypeVar("T")

log = get_logger(__name__)


def patiently(process: WorkingProcess, write: Callable[[Connection], T], *, in_transaction: bool = False) -> T:
    """Tries `write` until the ledger answers, or the process has to stop. It must bear to be repeated after a commit in doubt.

    Raises LedgerUnavailableError.
    """
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with process.ledger.transaction() if in_transaction else process.ledger.statement() as connection:
                return write(connection)
        except LedgerUnavailableError as error:
            if process.stop_flag.is_set or time.monotonic() > give_up_at:
                raise
            log.warning("the ledger does not answer: it is waited for", error=error.detail)
            time.sleep(_RETRY_SECONDS)

"""Objects that no row names any more: noted in the transaction that removed the last row, removed from storage afterwards.

An original's key is never used again once its row is gone. A variant's is: it is a hash, and whoever makes the same variant
writes the same object. So before a worker makes variants it postpones their removal (`claims.take_over_variants`), and a
variant doomed later than that waits for longer than any worker takes to record it.
"""

from collections.abc import Collection
from typing import Protocol

from fanfare_shared.db.connection import Connection, Ledger

VARIANT_GRACE_SECONDS = 1800
"""More than a worker holds a batch from its claim to its last record."""

_PAGE = 500

# Storage may be slow to answer, and the lock must outlast it.
_PATIENTLY = "SET LOCAL idle_in_transaction_session_timeout = '5min'"
_LOCK = """
SELECT key FROM doomed_objects
WHERE due_at <= now() AND (%(keys)s::text[] IS NULL OR key = ANY(%(keys)s))
ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""
_NAMED = """
SELECT key FROM variants WHERE key = ANY(%(keys)s)
UNION SELECT key FROM originals WHERE key = ANY(%(keys)s)
"""
_FORGET = "DELETE FROM doomed_objects WHERE key = ANY(%s)"
# Where the row is there it is locked, so whoever is about to delete it is waited for: `DO NOTHING` would trust a row that
# is gone a moment later.
_DOOM = """
INSERT INTO doomed_objects AS d (key, due_at)
SELECT key, clock_timestamp() + %s * interval '1 second' FROM unnest(%s::text[]) AS key
ON CONFLICT (key) DO UPDATE SET due_at = greatest(d.due_at, excluded.due_at)
"""


class Deleting(Protocol):
    """As much of a storage as removal needs."""

    def delete(self, keys: Collection[str], /) -> None: ...


def doom(connection: Connection, keys: Collection[str], after_seconds: float = 0) -> None:
    """Notes objects to be removed, in the transaction that removed the last row that names them, or what may be the last.

    Of two times the later one holds. Waits for a removal under way.
    """
    if keys:
        connection.execute(_DOOM, (after_seconds, sorted(keys)))


def remove_doomed(ledger: Ledger, storage: Deleting, keys: Collection[str] | None = None) -> int:
    """Removes what is due, of `keys` or of all; how many objects. What is named again by then stays.

    Raises StorageUnavailableError, LedgerUnavailableError; what is left is still noted.
    """
    removed = 0
    while True:
        with ledger.transaction() as connection:
            connection.execute(_PATIENTLY)
            asked = list(keys) if keys is not None else None
            due = [row[0] for row in connection.execute(_LOCK, {"keys": asked, "limit": _PAGE})]
            if not due:
                return removed
            named = {row[0] for row in connection.execute(_NAMED, {"keys": due})}
            unnamed = [key for key in due if key not in named]
            storage.delete(unnamed)
            connection.execute(_FORGET, (due,))
            removed += len(unnamed)

"""One part of storage beside the rows that name its objects."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from fanfare_shared.db.connection import Ledger
from fanfare_shared.errors import ObjectMissingError
from fanfare_shared.storage.port import Storage, StoredObject

ORIGINALS, VARIANTS, ARCHIVES = "originals", "variants", "archives"

PARTS = (*(f"{folder}/{number:02x}" for folder in (ORIGINALS, VARIANTS) for number in range(256)), ARCHIVES)
"""Archives are few: they are one part."""

_PAGE = 5_000

# '0' follows '/': the keys below a folder. Keys are ordered by their bytes.
_ROWS = {
    ORIGINALS: "SELECT key FROM originals WHERE key > %(after)s AND key < %(end)s ORDER BY key LIMIT %(page)s",
    VARIANTS: "SELECT DISTINCT key FROM variants WHERE key > %(after)s AND key < %(end)s ORDER BY key LIMIT %(page)s",
    ARCHIVES: """
        SELECT key FROM (
            SELECT jsonb_array_elements(result -> 'archives') ->> 'key' COLLATE "C" AS key
            FROM image_jobs WHERE operation = 'archive' AND result ? 'archives'
        ) AS made WHERE key > %(after)s AND key < %(end)s ORDER BY key LIMIT %(page)s""",
}
_DOOMED = "SELECT key FROM doomed_objects WHERE key = ANY(%s)"


@dataclass(frozen=True)
class Difference:
    """Of one part: how many objects and keys of rows there are; `stray`: objects without rows, `missing`: the other way."""

    objects: int
    rows: int
    stray: list[StoredObject] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.stray or self.missing)


def folder_of(part: str) -> str:
    return part.partition("/")[0]


def compare(ledger: Ledger, storage: Storage, part: str, before: datetime) -> Difference:
    """Objects are stray only if they were written before then: a younger one's row may be on its way. What is doomed is not
    stray, for it is to be removed anyway.

    Raises StorageUnavailableError, LedgerUnavailableError.
    """
    objects = {stored.key: stored for stored in storage.list(part)}
    unnamed, rows, missing = dict(objects), 0, []
    for key in _keys(ledger, part):
        rows += 1
        if key not in objects:
            missing.append(key)
        unnamed.pop(key, None)
    old = [stored for stored in unnamed.values() if stored.last_modified < before]
    return Difference(len(objects), rows, _not_doomed(ledger, old), _really_missing(ledger, storage, part, missing))


def _keys(ledger: Ledger, part: str) -> Iterator[str]:
    statement = _ROWS[folder_of(part)]
    after, end = f"{part}/", f"{part}0"
    while True:
        with ledger.statement() as connection:
            rows = connection.execute(statement, {"after": after, "end": end, "page": _PAGE}).fetchall()
        yield from (row[0] for row in rows)
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


def _not_doomed(ledger: Ledger, objects: list[StoredObject]) -> list[StoredObject]:
    if not objects:
        return []
    with ledger.statement() as connection:
        doomed = {row[0] for row in connection.execute(_DOOMED, ([stored.key for stored in objects],))}
    return sorted((stored for stored in objects if stored.key not in doomed), key=lambda stored: stored.key)


def _really_missing(ledger: Ledger, storage: Storage, part: str, keys: list[str]) -> list[str]:
    """Without those that were stored after the list was taken, or whose rows went since."""
    absent = [key for key in keys if not _is_there(storage, key)]
    if not absent:
        return []
    named = set(_keys(ledger, part))
    return [key for key in absent if key in named]


def _is_there(storage: Storage, key: str) -> bool:
    try:
        storage.head(key)
    except ObjectMissingError:
        return False
    return True

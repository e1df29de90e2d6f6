"""`expire_uploads`: uploads that were not completed in time go, with what they have in storage, and so does what belongs to
no upload at all.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from fanfare_orchestrator.schedule.context import RunContext
from fanfare_orchestrator.schedule.runs import RunResult
from fanfare_shared.db.connection import the_row
from fanfare_shared.images.doomed import doom, remove_doomed
from fanfare_shared.storage.port import Storage

FOLDER = "uploads"
# Longer than any request takes: an object may be stored before its upload's row says so.
_GRACE = timedelta(days=1)
_CHUNK = 500

_COUNT = "SELECT count(*) FROM uploads WHERE expires_at <= now()"
# Whoever is completing one holds its row. A completed upload's objects are an image's, or doomed already.
_DELETE = """
DELETE FROM uploads
WHERE id IN (SELECT id FROM uploads WHERE expires_at <= now() ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING kind, key, state, completed_at IS NULL
"""
_KNOWN = "SELECT id FROM uploads WHERE id = ANY(%s) AND completed_at IS NULL"


def expire_uploads(context: RunContext) -> RunResult:
    """`{"uploads": n, "stray_objects": n, "unfinished_files": n}`; in a dry run the last is not counted."""
    storage, before = context.open_storage(), datetime.now(UTC) - _GRACE
    result = {"uploads": _expired(context), "stray_objects": 0}
    for stray in _stray(context, storage, before):
        result["stray_objects"] += len(stray)
        _remove(context, storage, stray)
    if not context.dry_run:
        result["unfinished_files"] = storage.remove_unfinished(before)
    return RunResult(result)


def _expired(context: RunContext) -> int:
    if context.dry_run:
        with context.ledger.statement() as connection:
            return int(the_row(connection.execute(_COUNT))[0])
    expired = 0
    while True:
        with context.ledger.transaction() as connection:
            rows = connection.execute(_DELETE, (_CHUNK,)).fetchall()
            keys = [key for *upload, is_open in rows if is_open for key in _objects_of(*upload)]
            doom(connection, keys)
        _remove_noted(context, keys)
        expired += len(rows)
        if len(rows) < _CHUNK:
            return expired


def _objects_of(kind: str, key: str, state: dict[str, Any]) -> list[str]:
    """A resumable upload has a part or more, any other one object."""
    return [part["key"] for part in state.get("parts", [])] if kind == "resumable" else [key]


def _stray(context: RunContext, storage: Storage, before: datetime) -> Iterator[list[str]]:
    """Keys below `uploads/`, old enough, of which no open upload knows; by chunks."""
    old = (stored.key for stored in storage.list(FOLDER) if stored.last_modified < before)
    while chunk := list(islice(old, _CHUNK)):
        of_upload = {key: _upload_of(key) for key in chunk}
        with context.ledger.statement() as connection:
            asked = [upload for upload in of_upload.values() if upload is not None]
            known = {row[0] for row in connection.execute(_KNOWN, (asked,))}
        yield [key for key in chunk if of_upload[key] not in known]


def _upload_of(key: str) -> UUID | None:
    """`uploads/<id>`, or below it."""
    try:
        return UUID(hex=key.split("/")[1])
    except (IndexError, ValueError):
        return None


def _remove(context: RunContext, storage: Storage, keys: Sequence[str]) -> None:
    """No row names them, and none ever will: an upload's key is its id's."""
    if not context.dry_run:
        storage.delete(keys)


def _remove_noted(context: RunContext, keys: Sequence[str]) -> None:
    if keys:
        remove_doomed(context.ledger, context.open_storage(), keys)

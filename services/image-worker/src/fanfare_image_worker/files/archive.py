"""Archive: a batch's originals, or variants of one name, as a ZIP in storage.

Its key is doomed before its first byte is written, and spared by the transaction that records it: so a killed worker's ZIP
is removed in time, and the next one makes another.
"""

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from fanfare_image_worker.endings import STORAGE_PAUSE_SECONDS, give_batch_back
from fanfare_image_worker.files.archive_paths import ArchivePaths
from fanfare_image_worker.files.items import Outcomes, count_outcomes, peek_items, record_outcomes
from fanfare_image_worker.files.zip_stream import Entry, zipped
from fanfare_image_worker.patience import patiently
from fanfare_image_worker.process import WorkingProcess
from fanfare_shared.db.connection import Connection
from fanfare_shared.errors import ObjectMissingError, StorageUnavailableError
from fanfare_shared.images import batches
from fanfare_shared.images.closing import close, lock
from fanfare_shared.images.doomed import doom
from fanfare_shared.images.errors import (
    ImageTrashedError,
    ImageUnknownError,
    OriginalGoneError,
    OriginalMissingError,
    VariantMissingError,
)
from fanfare_shared.images.formats import FACTS, ImageFormat
from fanfare_shared.images.naming import download_name
from fanfare_shared.images.rows import Claim, FileRow

MEDIA_TYPE = "application/zip"

_DOOMED_FOR_SECONDS = 86_400.0
"""Longer than any worker holds a batch."""
_LOOK_SECONDS = 2.0
"""How often the lease is renewed and the job looked at."""

_VARIANTS = """
SELECT v.image_id, v.key, v.format, v.size FROM variants v
JOIN image_items i ON i.image_id = v.image_id
WHERE i.batch_id = %s AND i.status = 'pending' AND v.name = %s
"""
_SPARE = "DELETE FROM doomed_objects WHERE key = %s"
_APPEND = """
UPDATE image_jobs
SET result = jsonb_set(coalesce(result, '{}'), '{archives}', coalesce(result -> 'archives', '[]') || %s::jsonb),
    updated_at = now()
WHERE id = %s
"""


class _ArchiveStoppedError(Exception):
    """The job was paused or cancelled, or this process has to stop."""


class _Archive:
    """The one that a batch becomes. Its methods run in the thread that feeds the upload, while the process waits for it."""

    def __init__(self, process: WorkingProcess, claim: Claim, rows: list[FileRow]) -> None:
        self._process = process
        self._claim = claim
        self._rows = rows
        self._paths = ArchivePaths()
        self._looked_at = time.monotonic()
        self._variant: str | None = claim.job.parameters.get("variant")
        self.outcomes = Outcomes()
        self.size = 0

    def pieces(self) -> Iterator[bytes]:
        for piece in zipped(self._entries()):
            self.size += len(piece)
            yield piece

    def _entries(self) -> Iterator[Entry]:
        variants = self._find_variants()
        for row in self._rows:
            name, key, size = self._source(row, variants)
            if key is None:
                continue
            pieces = self._process.storage.stream(key)
            try:
                # Before anything of it is in the archive.
                first = next(pieces, b"")
            except ObjectMissingError:
                self.outcomes.fail(row, OriginalMissingError())
                continue
            path = self._paths.path(row.folder, name)
            assert row.uploaded_at is not None  # noqa: S101 - for the type: the image is there
            yield Entry(path, row.uploaded_at, size, self._watched(first, pieces))
            self.outcomes.succeed(row, path=path)

    def _source(self, row: FileRow, variants: dict[UUID, tuple[str, str, int]]) -> tuple[str, str | None, int]:
        """The name, key and size of the file that goes into the archive; no key where the item failed."""
        if row.name is None:
            self.outcomes.fail(row, ImageUnknownError())
        elif row.trashed_at is not None:
            self.outcomes.fail(row, ImageTrashedError())
        elif self._variant is not None:
            if row.image_id in variants:
                key, variant_format, size = variants[row.image_id]
                extension = FACTS[ImageFormat(variant_format)].extension
                return download_name(row.name, self._variant, extension), key, size
            self.outcomes.fail(row, VariantMissingError(f"The image has no variant {self._variant}"))
        elif row.key is None:
            self.outcomes.fail(row, OriginalGoneError())
        else:
            return row.name, row.key, row.size or 0
        return "", None, 0

    def _find_variants(self) -> dict[UUID, tuple[str, str, int]]:
        """By image: key, format, size."""
        if self._variant is None:
            return {}
        with self._process.ledger.statement() as connection:
            rows = connection.execute(_VARIANTS, (self._claim.lease.batch_id, self._variant)).fetchall()
        return {image_id: (key, variant_format, size) for image_id, key, variant_format, size in rows}

    def _watched(self, first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
        """Raises _ArchiveStoppedError, StorageUnavailableError."""
        self._look()
        yield first
        try:
            for piece in rest:
                self._look()
                yield piece
        except ObjectMissingError as error:
            # Half of it is in the archive: this one is of no use, the next one leaves it out.
            raise StorageUnavailableError("An original was removed while it was archived") from error

    def _look(self) -> None:
        if self._process.stop_flag.is_set:
            raise _ArchiveStoppedError
        if time.monotonic() - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        recorded = patiently(
            self._process,
            lambda connection: batches.renew(connection, self._claim.lease, self._process.lease_seconds),
        )
        if not recorded.may_work:
            raise _ArchiveStoppedError


def run_archive(process: WorkingProcess, claim: Claim) -> None:
    """Raises LeaseLostError, LedgerUnavailableError."""
    key = _new_key()
    patiently(process, lambda connection: doom(connection, [key], _DOOMED_FOR_SECONDS))
    archive = _Archive(process, claim, patiently(process, lambda connection: peek_items(connection, claim.lease)))
    try:
        process.storage.put(key, archive.pieces(), MEDIA_TYPE)
    except StorageUnavailableError as error:
        give_batch_back(process, claim, error.code, STORAGE_PAUSE_SECONDS)
        return
    except _ArchiveStoppedError:
        give_batch_back(process, claim, "STOPPED")
        return
    outcomes, writes = archive.outcomes, claim.lease.writes
    made = {"key": key, "size": archive.size, "items": len(outcomes.succeeded)}

    def record(connection: Connection) -> None:
        claim.lease.writes = writes  # the transaction is repeated as a whole
        _record(connection, claim, outcomes, made)

    patiently(process, record, in_transaction=True)
    count_outcomes(claim, outcomes)


def _record(connection: Connection, claim: Claim, outcomes: Outcomes, made: dict[str, Any]) -> None:
    lock(connection, claim.lease)
    record_outcomes(connection, claim.lease, outcomes)
    if made["items"]:
        connection.execute(_SPARE, (made["key"],))
        connection.execute(_APPEND, (Jsonb([made]), claim.job.id))
    close(connection, claim.lease)


def _new_key() -> str:
    name = uuid4().hex
    return f"archives/{name[:2]}/{name}.zip"

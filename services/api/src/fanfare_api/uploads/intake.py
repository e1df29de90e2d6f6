"""The transaction that makes stored files into images: originals, images, and the image job that makes their variants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.auth.caller import Caller
from fanfare_api.folders.names import FilePath
from fanfare_api.uploads.originals import claim_originals
from fanfare_api.uploads.receiving import StoredFile
from fanfare_shared.contracts.messages import Message, ProcessBatch, SettleImageJob
from fanfare_shared.contracts.words import BatchStatus, ImageStatus, JobStatus, Lane, Operation
from fanfare_shared.ids import uuid7
from fanfare_shared.images.pipeline import Pipeline

# From here on nobody waits in front of a screen for it.
_BULK_FILES = 100
_BULK_BYTES = 500_000_000
# Images of a bulk job's batch. On the interactive lane each has its own, so that several workers share a request.
_BULK_BATCH = 20

# The sweep looks at the job after 5 s and repeats a batch's hint after 30 s, should ours be lost.
_MAKE_JOB = text("""
WITH g AS (
    SELECT CAST(:job_id AS uuid) AS job_id, CAST(:lane AS text) AS lane, CAST(:actor AS text) AS actor,
           CAST(:total AS integer) AS total, CAST(:batch_size AS integer) AS batch_size
), job AS (
    INSERT INTO image_jobs
           (id, operation, parameters, target, lane, status, created_by, request_id, started_at, due_at)
    SELECT g.job_id, :operation, CAST(:parameters AS jsonb), CAST(:target AS jsonb), g.lane, :processing, g.actor,
           :request_id, now(), now() + interval '5 seconds'
    FROM g
), plan AS (
    INSERT INTO image_job_plans (job_id, total, batches, planned_at)
    SELECT g.job_id, g.total, (g.total + g.batch_size - 1) / g.batch_size, now() FROM g
), new AS (
    SELECT *, ordinal::int - 1 AS position
    FROM unnest(CAST(:image_ids AS uuid[]), CAST(:original_ids AS uuid[]), CAST(:folder_ids AS uuid[]),
                CAST(:names AS text[])) WITH ORDINALITY AS n(image_id, original_id, folder_id, name, ordinal)
), made AS (
    INSERT INTO images (id, original_id, folder_id, name, owner, status, created_by)
    SELECT image_id, original_id, folder_id, name, :owner, :image_status, g.actor FROM new, g
), batches AS (
    INSERT INTO image_batches (job_id, lane, first_position, last_position, size, status, due_at, hints)
    SELECT g.job_id, g.lane, first, least(first + g.batch_size, g.total) - 1, least(g.batch_size, g.total - first),
           :batch_status, now() + make_interval(secs => :batch_due), :hints
    FROM g, generate_series(0, g.total - 1, g.batch_size) AS first
    RETURNING id, first_position
), items AS (
    INSERT INTO image_items (job_id, position, batch_id, image_id, name)
    SELECT g.job_id, new.position, b.id, new.image_id, new.name
    FROM new CROSS JOIN g JOIN batches b ON b.first_position = new.position / g.batch_size * g.batch_size
)
SELECT id FROM batches ORDER BY first_position
""")


@dataclass(frozen=True)
class Newcomer:
    """A stored file and the place it is for."""

    path: FilePath
    folder_id: UUID | None
    file: StoredFile


@dataclass(frozen=True)
class Admitted:
    """What the transaction made. `kept`: the keys of the files that became originals; the others' are to be discarded."""

    job_id: UUID
    image_ids: list[UUID]
    duplicate_of: list[UUID | None]
    kept: frozenset[str]
    hints: list[Message] = field(default_factory=list)


async def admit(
    session: AsyncSession,
    caller: Caller,
    request_id: str | None,
    newcomers: Sequence[Newcomer],
    owner: str | None,
    pipeline: Pipeline,
) -> Admitted:
    """Makes the images and their job, in this order. Raises UnavailableError where a file was discarded meanwhile."""
    job_id, image_ids = uuid7(), [uuid7() for _ in newcomers]
    originals = await claim_originals(session, [newcomer.file for newcomer in newcomers])
    is_bulk = len(newcomers) >= _BULK_FILES or sum(n.file.size for n in newcomers) >= _BULK_BYTES
    lane = Lane.BULK if is_bulk else Lane.INTERACTIVE
    rows = await session.execute(
        _MAKE_JOB,
        {
            "job_id": job_id,
            "operation": Operation.UPLOAD.value,
            "parameters": _json({"pipeline": pipeline.model_dump(mode="json")}),
            "target": _json({"image_ids": [str(image_id) for image_id in image_ids]}),
            "lane": lane.value,
            "processing": JobStatus.PROCESSING.value,
            "image_status": ImageStatus.PROCESSING.value,
            "actor": caller.actor,
            "request_id": request_id,
            "owner": owner,
            "total": len(newcomers),
            "batch_size": _BULK_BATCH if is_bulk else 1,
            "batch_status": (BatchStatus.READY if is_bulk else BatchStatus.PUBLISHED).value,
            "batch_due": 0 if is_bulk else 30,
            "hints": 0 if is_bulk else 1,
            "image_ids": image_ids,
            "original_ids": [originals.ids[newcomer.file.digest] for newcomer in newcomers],
            "folder_ids": [newcomer.folder_id for newcomer in newcomers],
            "names": [newcomer.path.name for newcomer in newcomers],
        },
    )
    batch_ids = [row.id for row in rows]
    hints: list[Message] = (
        [SettleImageJob(job_id=job_id, request_id=request_id)]
        if is_bulk
        else [ProcessBatch(batch_id=id_, job_id=job_id, lane=lane, request_id=request_id) for id_ in batch_ids]
    )
    return Admitted(job_id, image_ids, _duplicates(newcomers, image_ids, originals.images), originals.kept, hints)


def _duplicates(
    newcomers: Sequence[Newcomer], image_ids: Sequence[UUID], known: Mapping[bytes, UUID]
) -> list[UUID | None]:
    """For each the image that has the same original: one there was before, else the first of this request."""
    first = dict(known)
    return [
        None if (same := first.setdefault(newcomer.file.digest, image_id)) == image_id else same
        for newcomer, image_id in zip(newcomers, image_ids, strict=True)
    ]


def _json(value: object) -> str:
    return orjson.dumps(value).decode()

"""Images and image jobs, made directly in the ledger as the api and the planner make them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from fanfare_shared.contracts.words import Lane
from fanfare_shared.db.connection import Connection, the_row
from fanfare_shared.ids import uuid7
from fanfare_shared.images.pipeline import DEFAULT_PIPELINE, Pipeline


@dataclass(frozen=True)
class ImageWorld:
    """A job and its batches, in their order."""

    job_id: UUID
    image_ids: list[UUID]
    batch_ids: list[int]

    @property
    def batch_id(self) -> int:
        return self.batch_ids[0]


def original_key(digest: bytes) -> str:
    return f"originals/{digest.hex()[:2]}/{digest.hex()[:32]}"


def make_original(connection: Connection, data: bytes, media_type: str = "image/jpeg") -> UUID:
    """The one of these bytes, made where it is not there; its object is the caller's to store under `original_key`."""
    digest = hashlib.sha256(data).digest()
    cursor = connection.execute(
        "INSERT INTO originals (id, digest, key, size, media_type) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (digest) DO UPDATE SET size = excluded.size RETURNING id",
        (uuid7(), digest, original_key(digest), len(data), media_type),
    )
    original_id: UUID = the_row(cursor)[0]
    return original_id


def make_image(connection: Connection, original_id: UUID, name: str = "photo.jpg", **columns: Any) -> UUID:
    image_id = uuid7()
    defaults = {"id": image_id, "original_id": original_id, "name": name, "status": "ready", "created_by": "t"}
    columns = defaults | columns
    connection.execute(
        f"INSERT INTO images ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})", list(columns.values())
    )
    return image_id


def make_folder(connection: Connection, path: str) -> UUID:
    """With all that is above it."""
    parent, _, name = path.rpartition("/")
    parent_id = make_folder(connection, parent) if parent else None
    cursor = connection.execute(
        "INSERT INTO folders (id, parent_id, name, path, created_by) VALUES (%s, %s, %s, %s, 't') "
        "ON CONFLICT (path) DO UPDATE SET name = excluded.name RETURNING id",
        (uuid7(), parent_id, name, path),
    )
    folder_id: UUID = the_row(cursor)[0]
    return folder_id


def make_image_job(
    connection: Connection,
    image_ids: Sequence[UUID],
    operation: str = "upload",
    parameters: Mapping[str, Any] | None = None,
    lane: Lane = Lane.INTERACTIVE,
    batch_size: int | None = None,
    **columns: Any,
) -> ImageWorld:
    """A processing, planned job and its published batches. Without `batch_size` all in one."""
    if parameters is None:
        parameters = pipeline_parameters(DEFAULT_PIPELINE)
    job_id, size = uuid7(), batch_size or max(1, len(image_ids))
    columns = {
        "id": job_id,
        "operation": operation,
        "parameters": Jsonb(parameters),
        "target": Jsonb({"image_ids": [str(image_id) for image_id in image_ids]}),
        "lane": lane.value,
        "status": "processing",
        "created_by": "t",
    } | columns
    connection.execute(
        f"INSERT INTO image_jobs ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})",
        list(columns.values()),
    )
    starts = range(0, len(image_ids), size)
    connection.execute(
        "INSERT INTO image_job_plans (job_id, total, batches, planned_at) VALUES (%s, %s, %s, now())",
        (job_id, len(image_ids), len(starts)),
    )
    batch_ids = [_make_batch(connection, job_id, lane, first, image_ids[first : first + size]) for first in starts]
    return ImageWorld(job_id, list(image_ids), batch_ids)


def pipeline_parameters(pipeline: Pipeline) -> dict[str, Any]:
    return {"pipeline": pipeline.model_dump(mode="json")}


def _make_batch(connection: Connection, job_id: UUID, lane: Lane, first: int, image_ids: Sequence[UUID]) -> int:
    cursor = connection.execute(
        "INSERT INTO image_batches (job_id, lane, first_position, last_position, size, status, due_at, hints) "
        "VALUES (%s, %s, %s, %s, %s, 'published', now() + interval '30 seconds', 1) RETURNING id",
        (job_id, lane.value, first, first + len(image_ids) - 1, len(image_ids)),
    )
    batch_id = int(the_row(cursor)[0])
    connection.execute(
        "INSERT INTO image_items (job_id, position, batch_id, image_id, name) "
        "SELECT %s, %s + ordinal::int - 1, %s, image_id, coalesce(m.name, 'gone') "
        "FROM unnest(%s::uuid[]) WITH ORDINALITY AS n(image_id, ordinal) LEFT JOIN images m ON m.id = n.image_id",
        (job_id, first, batch_id, list(image_ids)),
    )
    return batch_id

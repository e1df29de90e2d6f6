"""Images and image jobs, made directly in the ledger."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import httpx
import pytest
from psycopg.types.json import Jsonb

from fanfare_shared.db.connection import Connection, Ledger, the_row
from fanfare_shared.ids import uuid7

AddImages = Callable[..., list[UUID]]
AddFolder = Callable[..., UUID]
Ask = Callable[..., Awaitable[httpx.Response]]
AddJob = Callable[..., UUID]

_OF_ORIGINALS = {"format", "width", "height", "price", "key", "size"}


def insert(connection: Connection, table: str, row: dict[str, Any]) -> None:
    values = [Jsonb(value) if isinstance(value, dict) else value for value in row.values()]
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})", values)


@pytest.fixture
def add_images(clean_ledger: Ledger) -> AddImages:
    """`add_images(3, folder_id=...)`: so many 12 MP JPEGs, each of its own original; columns of images and originals alike."""

    def add(count: int = 1, **columns: Any) -> list[UUID]:
        of_originals = {name: value for name, value in columns.items() if name in _OF_ORIGINALS}
        of_images = {name: value for name, value in columns.items() if name not in _OF_ORIGINALS}
        image_ids = [uuid7() for _ in range(count)]
        with clean_ledger.transaction() as connection:
            for image_id in image_ids:
                original_id = uuid7()
                original = {
                    "id": original_id,
                    "digest": original_id.bytes,
                    "key": f"originals/{original_id}",
                    "size": 3_400_000,
                    "media_type": "image/jpeg",
                    "format": "jpeg",
                    "width": 4000,
                    "height": 3000,
                    **of_originals,
                }
                if original["key"] is None:
                    original["dropped_at"] = "2026-01-01T00:00Z"
                insert(connection, "originals", original)
                image = {
                    "id": image_id,
                    "original_id": original_id,
                    "name": f"{image_id}.jpg",
                    "status": "ready",
                    "created_by": "test",
                    **of_images,
                }
                insert(connection, "images", image)
        return image_ids

    return add


@pytest.fixture
def add_folder(clean_ledger: Ledger) -> AddFolder:
    """`add_folder("holiday/2026", parent_id)`."""

    def add(path: str, parent_id: UUID | None = None) -> UUID:
        folder_id = uuid7()
        name = path.rpartition("/")[2]
        row = {"id": folder_id, "parent_id": parent_id, "name": name, "path": path, "created_by": "test"}
        with clean_ledger.transaction() as connection:
            insert(connection, "folders", row)
        return folder_id

    return add


@pytest.fixture
def ask(client: httpx.AsyncClient) -> Ask:
    """`ask(target=..., preset="default")`: the answer of `POST /v1/image-jobs`."""

    async def post(**body: Any) -> httpx.Response:
        return await client.post("/v1/image-jobs", json=body)

    return post


@pytest.fixture
def add_job(clean_ledger: Ledger) -> AddJob:
    """`add_job(["succeeded", "failed", "pending"], status="processing")`: a planned job of such items in one open batch,
    which has recorded what ended; of a final job it is closed, and its counts are the job's.
    """

    def add(outcomes: Sequence[str] = (), **columns: Any) -> UUID:
        job_id = uuid7()
        counts = {name: list(outcomes).count(name) for name in ("succeeded", "failed", "cancelled")}
        job = {
            "id": job_id,
            "operation": "process",
            "parameters": {"pipeline": {"variants": [{"name": "small"}]}},
            "target": {"all": True},
            "lane": "images.bulk",
            "status": "processing",
            "created_by": "test",
            **columns,
        }
        is_final = job["status"] in {"completed", "cancelled", "failed"}
        if is_final:
            job = counts | {"settled": len(outcomes), "errors": {"IMAGE_CORRUPT": counts["failed"]}} | job
        with clean_ledger.transaction() as connection:
            insert(connection, "image_jobs", job)
            if outcomes:
                _add_items(connection, job_id, outcomes, counts, is_closed=is_final)
        return job_id

    return add


def _add_items(
    connection: Connection, job_id: UUID, outcomes: Sequence[str], counts: dict[str, int], *, is_closed: bool
) -> None:
    plan = {"job_id": job_id, "total": len(outcomes), "batches": 1, "planned_at": "2026-01-01T00:00Z"}
    insert(connection, "image_job_plans", plan)
    batch = {
        "job_id": job_id,
        "lane": "images.bulk",
        "first_position": 0,
        "last_position": len(outcomes) - 1,
        "size": len(outcomes),
        "status": "closed" if is_closed else "leased",
        "epoch": 1,
        **counts,
        "errors": {"IMAGE_CORRUPT": counts["failed"]} if counts["failed"] else {},
    }
    insert(connection, "image_batches", batch)
    batch_id = the_row(connection.execute("SELECT max(id) FROM image_batches"))[0]
    for position, outcome in enumerate(outcomes):
        item = {
            "job_id": job_id,
            "position": position,
            "batch_id": batch_id,
            "image_id": uuid7(),
            "name": f"{position}.jpg",
            "status": outcome,
            "error_code": "IMAGE_CORRUPT" if outcome == "failed" else None,
            "duration_ms": None if outcome == "pending" else 40,
        }
        insert(connection, "image_items", item)


@pytest.fixture
def tree(add_folder: Callable[..., UUID], add_images: Callable[..., list[UUID]]) -> dict[str, UUID]:
    """Images at the top (1), in a (2, one of them mine), in a/b (3), in a/b/c (1), in ab (1), and in the trash (2)."""
    a = add_folder("a")
    b = add_folder("a/b", a)
    c = add_folder("a/b/c", b)
    ab = add_folder("ab")
    add_images(1)
    add_images(1, folder_id=a)
    add_images(1, folder_id=a, owner="me")
    add_images(3, folder_id=b)
    add_images(1, folder_id=c, owner="me")
    add_images(1, folder_id=ab)
    add_images(1, folder_id=a, trashed_at="2026-01-01T00:00Z")
    add_images(1, trashed_at="2026-02-01T00:00Z")
    return {"a": a, "b": b, "c": c, "ab": ab}

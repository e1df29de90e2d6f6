"""Images, folders and image jobs, made directly in the ledger; and what an image-worker does with a batch."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from fanfare_orchestrator.bulk.planning import plan_turn
from fanfare_orchestrator.context import Context
from fanfare_orchestrator.images.steps import IMAGE_JOB_STEPS
from fanfare_orchestrator.settings import PlanSettings
from fanfare_shared.bulk.claims import claim_batch
from fanfare_shared.bulk.closing import fold
from fanfare_shared.contracts.words import Lane, Operation
from fanfare_shared.db.connection import Connection
from fanfare_shared.ids import uuid7
from fanfare_shared.images.kind import IMAGE_JOBS

HEAVY = 500_000_000


class Gallery:
    """The ledger's images as a test fills them and looks at them. `office` runs its statements."""

    def __init__(self, office: Any) -> None:
        self.office = office
        self.context: Context = office.context

    def folder(self, path: str) -> UUID:
        folder_id = uuid7()
        parent = self.office.rows("SELECT id FROM folders WHERE path = %s", path.rpartition("/")[0])
        self.office.execute(
            "INSERT INTO folders (id, parent_id, name, path, created_by) VALUES (%s, %s, %s, %s, 'test')",
            folder_id,
            parent[0]["id"] if parent else None,
            path.rpartition("/")[2],
            path,
        )
        return folder_id

    def images(
        self, count: int, *, price: int | None = 1_000_000, size: int = 500_000, key: bool = True, **columns: Any
    ) -> list[UUID]:
        """Images in the order of their ids, each with an original of its own."""
        ids, originals = [uuid7() for _ in range(count)], [uuid7() for _ in range(count)]
        self.office.execute(
            "INSERT INTO originals (id, digest, key, dropped_at, size, format, media_type, price)"
            " SELECT id, decode(md5(id::text), 'hex'), CASE WHEN %s THEN 'originals/aa/' || replace(id::text, '-', '') END,"
            " CASE WHEN NOT %s THEN now() END, %s, 'jpeg', 'image/jpeg', %s FROM unnest(%s::uuid[]) AS id",
            key,
            key,
            size,
            price,
            originals,
        )
        values = {"status": "ready", "created_by": "test"} | columns
        names = "".join(f", {name}" for name in values)
        self.office.execute(
            f"INSERT INTO images (id, original_id, name{names})"
            f" SELECT id, original_id, 'image-' || place || '.jpg'{', %s' * len(values)}"
            " FROM unnest(%s::uuid[], %s::uuid[]) WITH ORDINALITY AS n (id, original_id, place)",
            *values.values(),
            ids,
            originals,
        )
        return ids

    def trash(self, image_ids: list[UUID], days_ago: int = 0) -> None:
        self.office.execute(
            "UPDATE images SET trashed_at = now() - make_interval(days => %s) WHERE id = ANY(%s)", days_ago, image_ids
        )

    def job(self, operation: str = "process", target: dict[str, Any] | None = None, **columns: Any) -> UUID:
        """A processing job over everything, without a plan."""
        does = Operation(operation)
        values = {
            "id": uuid7(),
            "operation": operation,
            "target": Jsonb({"all": True} if target is None else target),
            "lane": (Lane.BULK if does.makes_variants else Lane.FILES).value,
            "status": "processing",
            "created_by": "test",
            **columns,
        }
        self.office.execute(
            f"INSERT INTO image_jobs ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))})", *values.values()
        )
        return UUID(str(values["id"]))

    def plan_all(self, job_id: UUID) -> int:
        """As the chain of hints does; how many windows."""
        windows = 0
        while True:
            window = plan_turn(self.context, IMAGE_JOB_STEPS, job_id)
            assert window is not None
            windows += 1
            if window.last:
                return windows

    def row(self, job_id: UUID) -> dict[str, Any]:
        row: dict[str, Any] = self.office.rows("SELECT * FROM image_jobs WHERE id = %s", job_id)[0]
        return row

    def plan(self, job_id: UUID) -> dict[str, Any]:
        row: dict[str, Any] = self.office.rows("SELECT * FROM image_job_plans WHERE job_id = %s", job_id)[0]
        return row

    def batches(self, job_id: UUID) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.office.rows(
            "SELECT * FROM image_batches WHERE job_id = %s ORDER BY id", job_id
        )
        return rows

    def items(self, job_id: UUID) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.office.rows(
            "SELECT * FROM image_items WHERE job_id = %s ORDER BY position", job_id
        )
        return rows

    def planned(self, job_id: UUID) -> list[UUID]:
        return [item["image_id"] for item in self.items(job_id)]

    def work(self, batch_id: int, outcome: Callable[[int], str] = lambda _: "succeeded") -> None:
        """What an image-worker does with a published batch; `outcome` of an item's position."""
        with self.context.ledger.transaction() as connection:
            assert claim_batch(connection, IMAGE_JOBS, batch_id, "worker", 30) is not None
            self.record(connection, batch_id, outcome)
            batch = self.close(connection, batch_id)
            fold(connection, IMAGE_JOBS, batch, batch["size"])

    def record(self, connection: Connection, batch_id: int, outcome: Callable[[int], str]) -> None:
        positions = connection.execute("SELECT position FROM image_items WHERE batch_id = %s", (batch_id,)).fetchall()
        for (position,) in positions:
            status = outcome(position)
            connection.execute(
                "UPDATE image_items SET status = %s, error_code = %s WHERE batch_id = %s AND position = %s",
                (status, "IMAGE_CORRUPT" if status == "failed" else None, batch_id, position),
            )

    def close(self, connection: Connection, batch_id: int) -> dict[str, Any]:
        names = ("id", "job_id", "size", "succeeded", "failed", "cancelled")
        row = connection.execute(
            "UPDATE image_batches b SET status = 'closed', due_at = NULL, worker = NULL, closed_at = now(),"
            " succeeded = t.succeeded, failed = t.failed FROM ("
            "  SELECT count(*) FILTER (WHERE status = 'succeeded') AS succeeded,"
            "         count(*) FILTER (WHERE status = 'failed') AS failed FROM image_items WHERE batch_id = %s) AS t"
            f" WHERE b.id = %s RETURNING {', '.join(f'b.{name}' for name in names)}",
            (batch_id, batch_id),
        ).fetchone()
        assert row is not None
        return dict(zip(names, row, strict=True))


@pytest.fixture
def context(context: Context) -> Context:
    return Context(
        context.ledger,
        context.publisher,
        PlanSettings(image_batch_size=10, image_file_batch_size=20, image_lane_batches=6),
    )


@pytest.fixture
def gallery(office: Any) -> Gallery:
    return Gallery(office)

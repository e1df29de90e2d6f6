"""One process of the image-worker without Celery: its parts on real servers, and a look at what it left in the ledger."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from fanfare_image_worker.process import WorkingProcess
from fanfare_image_worker.work_on_batch import work_on_batch
from fanfare_shared.contracts.words import Lane
from fanfare_shared.db.connection import Ledger
from fanfare_shared.images.pipeline import DEFAULT_PIPELINE, Pipeline
from fanfare_shared.storage.port import Storage
from fanfare_shared.testing.image_world import (
    ImageWorld,
    make_image,
    make_image_job,
    make_original,
    original_key,
    pipeline_parameters,
)


@dataclass
class ImageWorker:
    """A worker's process, the ledger and the storage it works on."""

    process: WorkingProcess
    ledger: Ledger
    world: ImageWorld = field(init=False)

    @property
    def storage(self) -> Storage:
        return self.process.storage

    def image(self, data: bytes, name: str = "photo.jpg", *, media_type: str = "image/jpeg", **columns: Any) -> UUID:
        """An image whose original is in storage."""
        with self.ledger.transaction() as connection:
            original_id = make_original(connection, data, media_type)
            image_id = make_image(connection, original_id, name, **columns)
        row = self.rows("SELECT digest FROM originals WHERE id = %s", original_id)[0]
        self.storage.put(original_key(row["digest"]), data, media_type)
        return image_id

    def upload(self, files: Sequence[bytes], pipeline: Pipeline = DEFAULT_PIPELINE, **job: Any) -> ImageWorld:
        """What the api makes of an upload."""
        image_ids = [self.image(data, f"{number}.jpg", status="processing") for number, data in enumerate(files)]
        return self.job(image_ids, "upload", pipeline_parameters(pipeline), **job)

    def job(
        self,
        image_ids: Sequence[UUID],
        operation: str,
        parameters: Mapping[str, Any] | None = None,
        lane: Lane = Lane.INTERACTIVE,
        **job: Any,
    ) -> ImageWorld:
        with self.ledger.transaction() as connection:
            self.world = make_image_job(connection, image_ids, operation, parameters, lane, **job)
        return self.world

    def work(self, batch_id: int | None = None) -> None:
        work_on_batch(self.process, batch_id or self.world.batch_id)

    def publish(self, batch_id: int | None = None) -> None:
        """As dispatch does with a batch that is ready."""
        with self.ledger.statement() as connection:
            connection.execute(
                "UPDATE image_batches SET status = 'published' WHERE id = %s", (batch_id or self.world.batch_id,)
            )

    def batch(self, batch_id: int | None = None) -> dict[str, Any]:
        return self.rows("SELECT * FROM image_batches WHERE id = %s", batch_id or self.world.batch_id)[0]

    def items(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM image_items WHERE job_id = %s ORDER BY position", self.world.job_id)

    def outcomes(self) -> list[tuple[str, str | None]]:
        return [(item["status"], item["error_code"]) for item in self.items()]

    def row(self) -> dict[str, Any]:
        """The job's."""
        return self.rows("SELECT * FROM image_jobs WHERE id = %s", self.world.job_id)[0]

    def image_row(self, image_id: UUID) -> dict[str, Any]:
        return self.rows("SELECT * FROM images WHERE id = %s", image_id)[0]

    def variants(self, image_id: UUID) -> dict[str, dict[str, Any]]:
        rows = self.rows("SELECT * FROM variants WHERE image_id = %s ORDER BY name", image_id)
        return {row["name"]: row for row in rows}

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        with self.ledger.statement() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, parameters).fetchall()


MakeWorker = Callable[..., ImageWorker]

"""What is read of image jobs and their items."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, literal_column, text
from sqlalchemy.orm import defer
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.bulk.active import ACTIVE, is_active
from fanfare_api.http.pagination import PageRequest, fetch_page
from fanfare_api.image_jobs.rejections import RejectedShown
from fanfare_api.image_jobs.views import ChildShown, ImageJobShown, ItemShown
from fanfare_shared.contracts.words import ItemOutcome, JobStatus, Operation
from fanfare_shared.db.tables import ImageItem, ImageJob
from fanfare_shared.db.types import Json
from fanfare_shared.errors import NotFoundError
from fanfare_shared.images.kind import IMAGE_JOBS

# As in the index image_items_not_succeeded, which PostgreSQL only uses where it sees these very words.
_IS_NOT_SUCCEEDED: ColumnElement[bool] = literal_column("image_items.status <> 'succeeded'")
# A target of 100,000 ids is megabytes: it is counted where it lies, and never read to show or control a job.
_WITHOUT_TARGET = defer(ImageJob.target)  # type: ignore[arg-type] # an attribute of a mapped class
_TARGETS = text("""
SELECT id, CASE WHEN target ? 'image_ids'
                THEN jsonb_build_object('image_count', jsonb_array_length(target -> 'image_ids')) ELSE target END AS target
FROM image_jobs WHERE id = ANY(:ids)
""").columns(target=Json)
_CHILDREN_SHOWN = 100

_RENAMED = {"job_id": "id", "then": "then_job", "on_failure": "on_failure_job"}
_MADE = {"target", "rejected", "then", "on_failure"}
_VIEWED = {name: _RENAMED.get(name, name) for name in ImageJobShown.model_fields if name not in _MADE}


async def get_job(session: AsyncSession, job_id: UUID) -> ImageJob:
    """Without its target. Raises NotFoundError."""
    job = (await session.exec(select(ImageJob).options(_WITHOUT_TARGET).where(ImageJob.id == job_id))).one_or_none()
    if job is None:
        raise _not_found(job_id)
    return job


async def lock_job(session: AsyncSession, job_id: UUID) -> tuple[ImageJob, datetime]:
    """The job without its target, locked until the transaction ends, and the ledger's clock. Raises NotFoundError."""
    statement = (
        select(ImageJob, func.now())
        .options(_WITHOUT_TARGET)
        .where(ImageJob.id == job_id)
        .with_for_update(key_share=True)
    )
    row = (await session.exec(statement)).one_or_none()
    if row is None:
        raise _not_found(job_id)
    job, now = row
    return job, now


async def check_exists(session: AsyncSession, job_id: UUID) -> None:
    """Raises NotFoundError."""
    if (await session.exec(select(ImageJob.id).where(ImageJob.id == job_id))).one_or_none() is None:
        raise _not_found(job_id)


async def show_job(session: AsyncSession, job: ImageJob) -> ImageJobShown:
    (shown,) = await _show(session, [job])
    return shown


async def list_jobs(
    session: AsyncSession, page: PageRequest, status: JobStatus | None, operation: Operation | None
) -> tuple[list[ImageJobShown], str | None]:
    """A page of jobs and the next page's cursor."""
    statement = select(ImageJob).options(_WITHOUT_TARGET)
    if status is not None:
        statement = statement.where(
            ImageJob.status == status.value, *([is_active(IMAGE_JOBS)] if status in ACTIVE else [])
        )
    if operation is not None:
        statement = statement.where(ImageJob.operation == operation.value)
    jobs, next_cursor = await fetch_page(session, statement, ImageJob.id, page)
    return await _show(session, jobs), next_cursor


async def list_children(session: AsyncSession, job_id: UUID) -> list[ChildShown]:
    """The first 100, the oldest first."""
    statement = (
        select(ImageJob.id, ImageJob.operation, ImageJob.status, ImageJob.created_at)
        .where(ImageJob.parent_id == job_id)
        .order_by(col(ImageJob.id))
        .limit(_CHILDREN_SHOWN)
    )
    return [
        ChildShown(job_id=row[0], operation=Operation(row[1]), status=JobStatus(row[2]), created_at=row[3])
        for row in await session.exec(statement)
    ]


async def list_items(
    session: AsyncSession, job_id: UUID, page: PageRequest, status: ItemOutcome | None
) -> tuple[list[ItemShown], str | None]:
    """A page of items by rising position."""
    statement = select(ImageItem).where(ImageItem.job_id == job_id, *_with_status(status))
    items, next_cursor = await fetch_page(session, statement, ImageItem.position, page, rising=True)
    return [ItemShown.model_validate(item) for item in items], next_cursor


async def items_after(
    job_id: UUID, status: ItemOutcome | None, session: AsyncSession, position: int, limit: int
) -> Sequence[Row[Any]]:
    """The next items by position, as rows of ItemShown's fields in their order."""
    shown = [getattr(ImageItem, name) for name in ItemShown.model_fields]
    statement = (
        select(*shown)
        .where(ImageItem.job_id == job_id, ImageItem.position > position, *_with_status(status))
        .order_by(col(ImageItem.position))
        .limit(limit)
    )
    rows: Sequence[Row[Any]] = (await session.exec(statement)).all()
    return rows


async def _show(session: AsyncSession, jobs: Sequence[ImageJob]) -> list[ImageJobShown]:
    rows = await session.execute(_TARGETS, {"ids": [job.id for job in jobs]})
    targets = {row.id: row.target for row in rows}
    return [
        ImageJobShown.model_validate(
            {name: getattr(job, column) for name, column in _VIEWED.items()}
            | {
                "target": targets[job.id],
                "rejected": RejectedShown.of_row(job.rejected),
                "then": _without_secrets(job.then_job),
                "on_failure": _without_secrets(job.on_failure_job),
            }
        )
        for job in jobs
    ]


def _without_secrets(request: dict[str, Any] | None) -> dict[str, Any] | None:
    """A request for a job as `requests.Columns` made it, as it is shown."""
    if request is None:
        return None
    hidden = {"webhook_secret_encrypted", "seconds_per_item", "then_job", "on_failure_job"}
    followers = {
        "then": _without_secrets(request.get("then_job")),
        "on_failure": _without_secrets(request.get("on_failure_job")),
    }
    return {name: value for name, value in request.items() if name not in hidden} | followers


def _with_status(status: ItemOutcome | None) -> list[ColumnElement[bool]]:
    if status is None:
        return []
    is_status = col(ImageItem.status) == status.value
    return [is_status] if status is ItemOutcome.SUCCEEDED else [is_status, _IS_NOT_SUCCEEDED]


def _not_found(job_id: UUID) -> NotFoundError:
    return NotFoundError(f"There is no image job {job_id}")

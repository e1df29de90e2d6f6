"""An upload whose bytes have all arrived becomes an image, once: whoever says so again gets the first one's answer."""

from typing import Any

from fastapi import Request
from sqlalchemy import func, text
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.auth.caller import Caller
from fanfare_api.folders.names import FilePath, checked_file_path, checked_path, join
from fanfare_api.folders.repository import path_of
from fanfare_api.runtime import Runtime
from fanfare_api.uploads.completion import complete
from fanfare_api.uploads.intake import Admitted
from fanfare_api.uploads.receiving import StoredFile
from fanfare_api.uploads.repository import doom, objects_of
from fanfare_api.uploads.schemas import ImageTaken, UploadTaken
from fanfare_api.uploads.watermarks import check_watermarks
from fanfare_api.uploads.wishes import UploadWishes, pipeline_of
from fanfare_shared.contracts.words import ImageStatus
from fanfare_shared.db.tables import Image, Upload
from fanfare_shared.errors import GoneError, ImageEmptyError, ImageTooLargeError
from fanfare_shared.images.pipeline import Pipeline

_PATH = text("SELECT path FROM folders WHERE id = :id")


async def prepare(
    session: AsyncSession, runtime: Runtime, wishes: UploadWishes, name: str, size: int
) -> dict[str, Any]:
    """What `uploads.request` keeps of it. All that can be wrong with it is found before a byte is sent.

    Raises what an upload of such a file would: for its name, its size, the folder, the pipeline.
    """
    path = checked_file_path(name)
    if not size:
        raise ImageEmptyError("The file would have no bytes")
    if size > runtime.settings.image_max_bytes:
        raise ImageTooLargeError(f"A file may have {runtime.settings.image_max_bytes:,} bytes at most")
    folder = await path_of(session, wishes.folder_id) if wishes.folder_id is not None else wishes.folder or ""
    join(checked_path(folder), path.folder)
    pipeline = pipeline_of(wishes, runtime.presets)
    await check_watermarks(session, pipeline)
    kept = wishes.model_copy(update={"preset": None, "pipeline": pipeline})
    return {"name": join(path.folder, path.name), **kept.model_dump(mode="json", exclude_none=True)}


async def finish(
    session: AsyncSession, request: Request, caller: Caller, upload: Upload, file: StoredFile
) -> tuple[UploadTaken, Admitted]:
    """Makes the image, in the request's transaction, which has locked the upload; its objects are doomed."""
    wishes = UploadWishes.model_validate({key: value for key, value in upload.request.items() if key != "name"})
    pipeline = wishes.pipeline
    assert isinstance(pipeline, Pipeline)  # noqa: S101 - for the type; `prepare` has put it there
    path: FilePath = checked_file_path(upload.request["name"])
    taken, admitted = await complete(session, request, caller, wishes, pipeline, [(path, file)])
    upload.image_id, upload.job_id = taken.images[0].id, taken.job_id
    upload.received = file.size
    upload.sqlmodel_update({"completed_at": func.now(), "updated_at": func.now()})
    await doom(session, objects_of(upload))
    await session.flush()
    return taken, admitted


async def finished(session: AsyncSession, upload: Upload) -> UploadTaken:
    """The answer that was given when it was completed. Raises GoneError where the image was purged since."""
    image = await session.get(Image, upload.image_id)
    if image is None or upload.job_id is None:
        raise GoneError("The image that was made of this upload is gone")
    folder = (await session.execute(_PATH, {"id": image.folder_id})).scalar() if image.folder_id else None
    shown = ImageTaken(id=image.id, name=image.name, status=ImageStatus(image.status), folder=folder)
    return UploadTaken(images=[shown], rejected=[], job_id=upload.job_id, task_id=upload.job_id)

"""What every way to upload ends with: places found, images made, hints, an audit entry, the answer."""

from collections.abc import Sequence

from fastapi import Request
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.audit.trail import record
from fanfare_api.auth.caller import Caller
from fanfare_api.folders.names import FilePath, checked_path, join
from fanfare_api.folders.repository import ensure_paths, path_of
from fanfare_api.uploads.intake import Admitted, Newcomer, admit
from fanfare_api.uploads.receiving import StoredFile
from fanfare_api.uploads.schemas import FileRejected, ImageTaken, UploadTaken
from fanfare_api.uploads.watermarks import check_watermarks
from fanfare_api.uploads.wishes import UploadWishes
from fanfare_shared.contracts.words import ImageStatus
from fanfare_shared.errors import NothingAcceptedError
from fanfare_shared.images.pipeline import Pipeline


async def complete(
    session: AsyncSession,
    request: Request,
    caller: Caller,
    wishes: UploadWishes,
    pipeline: Pipeline,
    files: Sequence[tuple[FilePath, StoredFile]],
    rejected: Sequence[FileRejected] = (),
) -> tuple[UploadTaken, Admitted]:
    """Makes images of stored files, in the request's transaction.

    Raises NothingAcceptedError (422) without any, NotFoundError for the folder, InvalidRequestError for a watermark.
    """
    if not files:
        raise NothingAcceptedError(
            "; ".join(sorted({file.message for file in rejected})), rejected=[file.model_dump() for file in rejected]
        )
    await check_watermarks(session, pipeline)
    newcomers = await _placed(session, caller, wishes, files)
    admitted = await admit(session, caller, request.state.request_id, newcomers, wishes.owner, pipeline)
    await record(
        session,
        request,
        caller,
        "image.upload",
        admitted.job_id,
        detail={
            "images": len(newcomers),
            "bytes": sum(newcomer.file.size for newcomer in newcomers),
            "rejected": len(rejected),
        },
    )
    images = [
        ImageTaken(
            id=image_id,
            name=newcomer.path.name,
            status=ImageStatus.PROCESSING,
            folder=newcomer.path.folder or None,
            duplicate_of=duplicate_of,
        )
        for newcomer, image_id, duplicate_of in zip(newcomers, admitted.image_ids, admitted.duplicate_of, strict=True)
    ]
    taken = UploadTaken(images=images, rejected=list(rejected), job_id=admitted.job_id, task_id=admitted.job_id)
    return taken, admitted


async def _placed(
    session: AsyncSession, caller: Caller, wishes: UploadWishes, files: Sequence[tuple[FilePath, StoredFile]]
) -> list[Newcomer]:
    base_id = wishes.folder_id
    base = checked_path(wishes.folder or "") if base_id is None else await path_of(session, base_id)
    placed = [(FilePath(join(base, path.folder), path.name), file) for path, file in files]
    to_find = {path.folder for path, _ in placed} - {base if base_id is not None else ""}
    ids = await ensure_paths(session, caller, to_find)
    if base_id is not None:
        ids[base] = base_id
    return [Newcomer(path, ids.get(path.folder), file) for path, file in placed]

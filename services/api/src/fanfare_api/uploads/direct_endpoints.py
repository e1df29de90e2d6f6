"""Uploads straight to storage: one contract, whether the storage takes them itself or, for a local folder, the api does."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends, Request, Response, status

from fanfare_api.audit.trail import record
from fanfare_api.auth.dependencies import ImageWriter, Reader
from fanfare_api.http.idempotency import Idempotent
from fanfare_api.http.transactions import HintsDep, LedgerRoute, SessionDep, StreamedLedgerRoute
from fanfare_api.runtime import Runtime, runtime_of
from fanfare_api.uploads.endpoints import received
from fanfare_api.uploads.finishing import finish, finished, prepare
from fanfare_api.uploads.receiving import SMALL_BYTES, Receiver, StoredFile, discard
from fanfare_api.uploads.repository import DIRECT, get_upload, key_of, make_upload, objects_of, read_upload
from fanfare_api.uploads.schemas import DirectUploadCreate, DirectUploadMade, UploadShown, UploadTaken
from fanfare_shared.db.tables import Upload
from fanfare_shared.errors import (
    ConflictError,
    ImageTypeUnsupportedError,
    MalformedBodyError,
    ObjectMissingError,
    UploadIncompleteError,
)
from fanfare_shared.ids import uuid7
from fanfare_shared.images.formats import FACTS

router = APIRouter(prefix="/v1/images/uploads", tags=["uploads"], route_class=LedgerRoute)
content_router = APIRouter(prefix="/v1/uploads", tags=["uploads"], route_class=StreamedLedgerRoute)

RuntimeDep = Annotated[Runtime, Depends(runtime_of)]

_MEDIA_TYPES = frozenset(facts.media_type for facts in FACTS.values())


@router.post(
    "", status_code=status.HTTP_201_CREATED, dependencies=[Idempotent], summary="Begin an upload straight to storage"
)
async def begin(
    body: DirectUploadCreate,
    request: Request,
    response: Response,
    session: SessionDep,
    caller: ImageWriter,
    runtime: RuntimeDep,
) -> DirectUploadMade:
    """Send the file by `method` to `url` with exactly these `headers` and no API key, then call `complete`. Where storage
    is S3 or GCS the bytes do not pass through the api.
    """
    if body.media_type not in _MEDIA_TYPES:
        raise ImageTypeUnsupportedError(f"media_type: one of {', '.join(sorted(_MEDIA_TYPES))}")
    kept = await prepare(session, runtime, body.wishes(), body.name, body.size)
    upload_id, seconds = uuid7(), runtime.settings.api_upload_seconds
    link = runtime.storage().upload_link(key_of(upload_id), seconds, size=body.size, media_type=body.media_type)
    if link is None:
        headers = {"content-type": body.media_type, "content-length": str(body.size)}
        link = runtime.links.link("PUT", f"/v1/uploads/{upload_id}/content", seconds, headers=headers)
    await make_upload(
        session,
        upload_id,
        DIRECT,
        request=kept,
        size=body.size,
        state={"media_type": body.media_type},
        created_by=caller.actor,
        seconds=seconds,
    )
    await record(session, request, caller, "upload.create", upload_id, detail={"kind": DIRECT, "bytes": body.size})
    response.headers["Location"] = f"/v1/images/uploads/{upload_id}"
    return DirectUploadMade(
        upload_id=upload_id, method=link.method, url=link.url, headers=link.headers, expires_at=link.expires_at
    )


@router.get("/{upload_id}", summary="Show an upload in parts or straight to storage")
async def get(upload_id: UUID, session: SessionDep, _caller: Reader) -> UploadShown:
    """Which image was made of it, once it is complete."""
    upload = await get_upload(session, upload_id)
    return UploadShown(
        upload_id=upload.id,
        received=None if upload.kind == DIRECT else upload.received,
        **upload.model_dump(include=set(UploadShown.model_fields) - {"upload_id", "received"}),
    )


@router.post("/{upload_id}/complete", status_code=status.HTTP_202_ACCEPTED, summary="Say that the file has been sent")
async def complete_direct(
    upload_id: UUID,
    request: Request,
    response: Response,
    session: SessionDep,
    hints: HintsDep,
    caller: ImageWriter,
    background: BackgroundTasks,
    runtime: RuntimeDep,
) -> UploadTaken:
    """Looks into the file and makes the image and its job, as `POST /v1/images` does; said again, the answer is the same.
    A file that cannot be an image can be sent again until the upload expires.
    """
    upload = await read_upload(runtime, upload_id, DIRECT)
    if upload.completed_at is None:
        async with Receiver(runtime, session) as receiver:
            file = await _taken_over(receiver, upload, runtime)
            upload = await get_upload(session, upload_id, DIRECT, lock=True)
            if upload.completed_at is None:
                taken, admitted = await finish(session, request, caller, upload, file)
                hints += admitted.hints
                background.add_task(discard, runtime, [*receiver.unused(admitted.kept), *objects_of(upload)])
            else:  # another request was quicker
                taken = await finished(session, upload)
                background.add_task(discard, runtime, receiver.unused(()))
    else:
        taken = await finished(session, upload)
    response.headers["Location"] = f"/v1/image-jobs/{taken.job_id}"
    return taken


async def _taken_over(receiver: Receiver, upload: Upload, runtime: Runtime) -> StoredFile:
    try:
        size = (await runtime.storage().head_async(upload.key)).size
        if size != upload.size:
            raise UploadIncompleteError(f"{size:,} bytes are there, not {upload.size:,}: send the file again")
        return await receiver.take_over(upload.key, size)
    except ObjectMissingError as error:
        raise UploadIncompleteError("The file is not there yet: send it by the link") from error


@content_router.put(
    "/{upload_id}/content",
    summary="Send an upload's file, by its link",
    openapi_extra={
        "requestBody": {"required": True, "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}
    },
)
async def put_content(upload_id: UUID, request: Request, runtime: RuntimeDep) -> Response:
    """The address is `url` of `POST /v1/images/uploads` where storage is a local folder: signed, without an API key. May be
    repeated until the upload is complete.
    """
    runtime.links.verify(request.method, request.url.path, request.url.query)
    upload = await read_upload(runtime, upload_id, DIRECT)
    if upload.completed_at is not None:
        raise ConflictError("The upload is complete already")
    size = upload.size or 0
    async with nullcontext() if size <= SMALL_BYTES else runtime.uploads:
        await runtime.storage().put_async(upload.key, _exactly(size, request), upload.state["media_type"])
    return Response(status_code=200)


async def _exactly(size: int, request: Request) -> AsyncIterator[bytes]:
    """Raises PayloadTooLargeError or MalformedBodyError where the body has another length: then nothing is stored."""
    count = 0
    async for chunk in received(request, size):
        count += len(chunk)
        yield chunk
    if count != size:
        raise MalformedBodyError(f"The body has {count:,} bytes, not the {size:,} that were announced")

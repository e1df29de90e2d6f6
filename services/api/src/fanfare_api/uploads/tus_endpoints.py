"""Resumable uploads by tus 1.0.0, at `/v1/uploads/tus`. Any tus client will do; its state is the ledger's."""

from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends, Request, Response, status
from starlette.requests import ClientDisconnect

from fanfare_api.audit.trail import record
from fanfare_api.auth.dependencies import ImageWriter
from fanfare_api.http.problems import problem
from fanfare_api.http.transactions import HintsDep, SessionDep, StreamedLedgerRoute
from fanfare_api.runtime import Runtime, runtime_of
from fanfare_api.uploads import tus_headers as tus
from fanfare_api.uploads.finishing import finish, prepare
from fanfare_api.uploads.parts import Appending
from fanfare_api.uploads.receiving import Receiver, discard
from fanfare_api.uploads.repository import (
    RESUMABLE,
    abandon,
    get_upload,
    make_upload,
    objects_of,
    parts_of,
    read_upload,
)
from fanfare_shared.db.tables import Upload
from fanfare_shared.errors import (
    FanfareError,
    ImageRejectedError,
    PayloadTooLargeError,
    UploadOffsetError,
    UploadVersionError,
)
from fanfare_shared.ids import uuid7


class TusRoute(StreamedLedgerRoute):
    """A tus client reads a refusal, too, only where it names the protocol's version."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def with_version(request: Request) -> Response:
            try:
                response = await handle(request)
            except FanfareError as error:
                if error.status >= 500:
                    raise
                headers = {"Tus-Version": tus.VERSION} if isinstance(error, UploadVersionError) else {}
                if isinstance(error, UploadOffsetError) and "offset" in error.extra:
                    headers["Upload-Offset"] = str(error.extra["offset"])
                response = problem(error, request, headers)
            response.headers["Tus-Resumable"] = tus.VERSION
            return response

        return with_version


router = APIRouter(prefix="/v1/uploads/tus", tags=["uploads"], route_class=TusRoute)

RuntimeDep = Annotated[Runtime, Depends(runtime_of)]
_Version = Depends(tus.check_version)
_BYTES = {"requestBody": {"content": {tus.CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}}}}


@dataclass
class Sending:
    """What taking bytes needs, of the request that brings them."""

    request: Request
    session: SessionDep
    hints: HintsDep
    caller: ImageWriter
    background: BackgroundTasks
    runtime: RuntimeDep


SendingDep = Annotated[Sending, Depends()]


@router.options("", status_code=status.HTTP_204_NO_CONTENT, summary="What of tus is spoken here")
async def options(runtime: RuntimeDep) -> Response:
    headers = {
        "Tus-Version": tus.VERSION,
        "Tus-Extension": tus.EXTENSIONS,
        "Tus-Max-Size": str(runtime.settings.image_max_bytes),
    }
    return Response(status_code=204, headers=headers)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    dependencies=[_Version],
    summary="Begin an upload that can be resumed",
    openapi_extra=_BYTES,
)
async def create(sending: SendingDep) -> Response:
    """`Upload-Length`, and in `Upload-Metadata` the `filename` (or `relativePath`) and what a form may hold: `folder` or
    `folder_id`, `owner`, `pipeline` (JSON) or `preset`. What would be rejected is refused here, before it is sent. When
    the last byte has come the image is made; `GET /v1/images/uploads/{id}` says which, and so do the headers
    `Fanfare-Image-Id` and `Fanfare-Job-Id` of that answer.
    """
    request, runtime, caller = sending.request, sending.runtime, sending.caller
    size = tus.number(request, "Upload-Length")
    name, wishes = tus.wishes_of(tus.metadata(request.headers.get("upload-metadata")))
    upload_id, seconds = uuid7(), runtime.settings.api_upload_seconds
    # In a transaction of its own: pieces are recorded as they come, whatever becomes of the rest of this request.
    async with runtime.sessions.begin() as own:
        kept = await prepare(own, runtime, wishes, name, size)
        expires_at = await make_upload(
            own,
            upload_id,
            RESUMABLE,
            request=kept,
            size=size,
            state={"parts": [], "metadata": request.headers.get("upload-metadata", "")},
            created_by=caller.actor,
            seconds=seconds,
        )
        await record(own, request, caller, "upload.create", upload_id, detail={"kind": RESUMABLE, "bytes": size})
    headers = {
        "Location": f"{runtime.settings.public_url or ''}/v1/uploads/tus/{upload_id}",
        "Upload-Expires": tus.http_date(expires_at),
    }
    if tus.has_content(request):
        upload = await read_upload(runtime, upload_id, RESUMABLE)
        headers |= await _append(sending, upload, 0)
    return Response(status_code=201, headers=headers)


@router.head("/{upload_id}", dependencies=[_Version], summary="Where an upload stands")
async def head(upload_id: UUID, session: SessionDep, _caller: ImageWriter) -> Response:
    upload = await get_upload(session, upload_id, RESUMABLE)
    headers = {
        "Upload-Offset": str(upload.received),
        "Upload-Length": str(upload.size),
        "Upload-Expires": tus.http_date(upload.expires_at),
        "Cache-Control": "no-store",
    }
    if upload.state.get("metadata"):
        headers["Upload-Metadata"] = upload.state["metadata"]
    return Response(status_code=200, headers=headers)


@router.patch(
    "/{upload_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[_Version],
    summary="Go on with an upload",
    openapi_extra=_BYTES,
)
async def patch(upload_id: UUID, sending: SendingDep) -> Response:
    """From `Upload-Offset` on. What has arrived when a connection breaks is kept."""
    tus.check_content_type(sending.request)
    offset = tus.number(sending.request, "Upload-Offset")
    upload = await read_upload(sending.runtime, upload_id, RESUMABLE)
    if offset != upload.received:
        raise UploadOffsetError(f"The upload goes on at {upload.received}, not at {offset}", offset=upload.received)
    if upload.completed_at is not None:  # an empty last PATCH
        return Response(status_code=204, headers={"Upload-Offset": str(upload.received)})
    headers = await _append(sending, upload, offset)
    return Response(status_code=204, headers=headers)


@router.delete(
    "/{upload_id}", status_code=status.HTTP_204_NO_CONTENT, dependencies=[_Version], summary="Give an upload up"
)
async def terminate(
    upload_id: UUID, session: SessionDep, _caller: ImageWriter, background: BackgroundTasks, runtime: RuntimeDep
) -> Response:
    """What has arrived is removed. An image that was made of it stays."""
    upload = await get_upload(session, upload_id, RESUMABLE, lock=True)
    background.add_task(discard, runtime, await abandon(session, upload))
    return Response(status_code=204)


async def _append(sending: Sending, upload: Upload, offset: int) -> dict[str, str]:
    """The headers that say where the upload stands now. One whose file turns out to be no image is given up."""
    request, session, runtime = sending.request, sending.session, sending.runtime
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and offset + int(declared) > (upload.size or 0):
        raise PayloadTooLargeError(f"The upload has {upload.size:,} bytes, and more were announced")
    appending = Appending(runtime, upload, offset)
    try:
        await appending.take(_until_cut(request))
        if appending.last is None:
            return {"Upload-Offset": str(appending.offset), "Upload-Expires": tus.http_date(upload.expires_at)}
        async with Receiver(runtime, session) as receiver:
            file = await receiver.store(appending.whole())
            present = await get_upload(session, upload.id, RESUMABLE, lock=True)
            if present.completed_at is not None or parts_of(present) != parts_of(upload):
                raise UploadOffsetError("Another request was quicker: ask with HEAD where the upload stands")
            taken, admitted = await finish(session, request, sending.caller, present, file)
    except ImageRejectedError:
        async with runtime.sessions.begin() as own:
            keys = await abandon(own, await get_upload(own, upload.id, RESUMABLE, lock=True))
        await discard(runtime, keys)
        raise
    sending.hints.extend(admitted.hints)
    sending.background.add_task(discard, runtime, [*receiver.unused(admitted.kept), *objects_of(present)])
    return {
        "Upload-Offset": str(file.size),
        "Fanfare-Image-Id": str(taken.images[0].id),
        "Fanfare-Job-Id": str(taken.job_id),
    }


async def _until_cut(request: Request) -> AsyncIterator[bytes]:
    """The body, which may end anywhere: the client asks where, and goes on from there."""
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        return

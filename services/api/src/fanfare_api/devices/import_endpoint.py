"""`POST /v1/devices/import`: the body as a stream, from the socket to the staging table."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.requests import ClientDisconnect

from fanfare_api.apps.repository import get_app
from fanfare_api.audit.trail import record
from fanfare_api.auth.dependencies import DeviceWriter
from fanfare_api.devices.formats import Csv, LineFormat, Ndjson
from fanfare_api.devices.importing import Import
from fanfare_api.devices.lines import Gunzip, LineSplitter
from fanfare_api.devices.schemas import ImportResult
from fanfare_api.http.body_limit import check_declared_length
from fanfare_api.http.transactions import SessionDep, StreamedLedgerRoute
from fanfare_api.runtime import Runtime, runtime_of
from fanfare_shared.errors import MalformedBodyError, UnsupportedMediaTypeError

router = APIRouter(prefix="/v1/devices", tags=["devices"], route_class=StreamedLedgerRoute)

_FORMATS: dict[str, type[Ndjson] | type[Csv]] = {"application/x-ndjson": Ndjson, "text/csv": Csv}
_EXAMPLES = {
    "application/x-ndjson": '{"user_id": "user-1", "token": "fGx…", "platform": "ios", "tags": ["beta"]}\n',
    "text/csv": "user_id,token,platform,locale,timezone,tags\nuser-1,fGx…,ios,de-DE,Europe/Berlin,beta;press\n",
}
_BODY = {
    "required": True,
    "content": {kind: {"schema": {"type": "string"}, "example": example} for kind, example in _EXAMPLES.items()},
}


@router.post("/import", summary="Register many devices at once", openapi_extra={"requestBody": _BODY})
async def import_devices(
    request: Request,
    caller: DeviceWriter,
    session: SessionDep,
    runtime: Annotated[Runtime, Depends(runtime_of)],
    app_id: Annotated[UUID, Query(description="The app that every device of the body belongs to")],
) -> ImportResult:
    """NDJSON or CSV with a header, gzip or plain. Lines that cannot be used are counted and left out, the first 100 with
    the reason; of several lines with one token the last counts. All the others are written together, or, when the body
    does not arrive whole, none.
    """
    line_format = _format_of(request)
    async with runtime.imports:
        await get_app(session, caller, app_id)
        running = Import(session, app_id, line_format)
        await running.begin()
        await _take_lines(request, running, runtime.settings.api_import_max_bytes)
        result = await running.finish()
    counts = result.model_dump(exclude={"rejected_lines"})
    await record(session, request, caller, "device.import", app_id, app_id=app_id, detail=counts)
    return result


def _format_of(request: Request) -> LineFormat:
    kind, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    if (line_format := _FORMATS.get(kind.strip())) is None:
        raise UnsupportedMediaTypeError(f"Send Content-Type: {' or '.join(_FORMATS)}")
    charset = parameters.partition("charset=")[2].strip(' "')
    if charset not in {"", "utf-8", "utf8"}:
        raise UnsupportedMediaTypeError("Send the file in UTF-8")
    return line_format()


async def _take_lines(request: Request, running: Import, max_bytes: int) -> None:
    splitter = LineSplitter(max_bytes)
    async for chunk in _unpacked(request, max_bytes):
        for number, line in splitter.feed(chunk):
            running.take(number, line)
        await running.copy_when_due()
    if (last := splitter.finish()) is not None:
        number, line = last
        if line is not None and running.line_format.is_cut_off(line):
            raise MalformedBodyError(f"The body is cut off in line {number}; nothing was changed")
        running.take(number, line)


async def _unpacked(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    match request.headers.get("content-encoding", "identity").strip().lower():
        case "identity":
            async for chunk in _received(request, max_bytes):
                yield chunk
        case "gzip":
            gunzip = Gunzip()
            async for packed in _received(request, max_bytes):
                for chunk in gunzip.feed(packed):
                    yield chunk
            gunzip.finish()
        case _:
            raise UnsupportedMediaTypeError("Send Content-Encoding: gzip, or none")


async def _received(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """The body as it comes. Raises MalformedBodyError when it ends before it should."""
    declared, received = check_declared_length(request, max_bytes), 0
    try:
        async for chunk in request.stream():
            received += len(chunk)
            yield chunk
            # A fast sender's next chunk may be there already: let others have the event loop all the same.
            await asyncio.sleep(0)
    except ClientDisconnect as error:
        raise MalformedBodyError("The body is cut off; nothing was changed") from error
    if declared is not None and received != declared:
        raise MalformedBodyError("The body is shorter than its Content-Length; nothing was changed")

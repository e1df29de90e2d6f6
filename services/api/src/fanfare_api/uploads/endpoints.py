"""`POST /v1/images`: one file or many, as a form, streamed to storage."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Request, Response, status
from starlette.requests import ClientDisconnect

from fanfare_api.auth.dependencies import ImageWriter
from fanfare_api.http.body_limit import check_declared_length
from fanfare_api.http.transactions import HintsDep, SessionDep, StreamedLedgerRoute
from fanfare_api.runtime import Runtime, runtime_of
from fanfare_api.uploads.completion import complete
from fanfare_api.uploads.form import UploadForm
from fanfare_api.uploads.multipart import MultipartReader
from fanfare_api.uploads.receiving import Receiver, discard
from fanfare_api.uploads.schemas import UploadTaken
from fanfare_api.uploads.wishes import UploadWishes, pipeline_of
from fanfare_shared.errors import MalformedBodyError, PayloadTooLargeError

router = APIRouter(prefix="/v1/images", tags=["images"], route_class=StreamedLedgerRoute)

_TEXT = {"type": "string"}
_FORM = {
    "type": "object",
    "required": ["files"],
    "properties": {
        "files": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "description": "The files. A file's name may be a relative path, `holiday/2026/a.jpg`: its folders are made",
        },
        "paths": {
            "type": "array",
            "items": _TEXT,
            "description": "Instead of the files' own names: a relative path for each, in their order",
        },
        **{
            name: _TEXT
            | {"description": f"{field.description}{' (JSON)' if name == 'pipeline' else ''}"}
            | ({"examples": field.examples} if field.examples else {})
            for name, field in UploadWishes.model_fields.items()
        },
    },
}


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Upload images",
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}},
)
async def upload(
    request: Request,
    response: Response,
    caller: ImageWriter,
    session: SessionDep,
    hints: HintsDep,
    background: BackgroundTasks,
    runtime: Annotated[Runtime, Depends(runtime_of)],
) -> UploadTaken:
    """Stores the files and answers at once; their variants are made by the job `job_id`. Fields may stand before or after
    the files. What cannot be an image is named in `rejected`, with the reason; if nothing is left the answer is a 422 with
    the same list. The same bytes again make another image (`duplicate_of`) and are stored once. 100 files, or 500 MB, are
    a bulk job, which waits behind what people wait for. `Idempotency-Key` is for JSON and has no effect here: a repeated
    upload makes duplicates, which cost a row each.
    """
    settings = runtime.settings
    form = UploadForm(max_files=settings.api_upload_files, max_text_bytes=settings.api_max_body_bytes)
    reader = MultipartReader(request.headers.get("content-type"), received(request, settings.api_upload_max_bytes))
    async with Receiver(runtime, session) as receiver:
        await form.read(reader, receiver)
        wishes = form.wishes()
        files, rejected = form.sorted_out()
        taken, admitted = await complete(
            session, request, caller, wishes, pipeline_of(wishes, runtime.presets), files, rejected
        )
    hints += admitted.hints
    background.add_task(discard, runtime, receiver.unused(admitted.kept))
    response.headers["Location"] = f"/v1/image-jobs/{taken.job_id}"
    return taken


async def received(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """The body as it comes. Raises PayloadTooLargeError, and MalformedBodyError when it ends before it should."""
    check_declared_length(request, max_bytes)
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > max_bytes:
                raise PayloadTooLargeError(f"At most {max_bytes:,} bytes: send several requests")
            yield chunk
    except ClientDisconnect as error:
        raise MalformedBodyError("The body is cut off; nothing was changed") from error

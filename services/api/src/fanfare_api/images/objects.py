"""An object's answer: caching, ranges, and bytes that stream from storage."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from fanfare_api.http.problems import problem
from fanfare_api.images.byte_ranges import ByteRange, requested_range
from fanfare_api.runtime import runtime_of
from fanfare_shared.errors import ObjectMissingError, RangeNotSatisfiableError
from fanfare_shared.storage.attachments import content_disposition

FOR_EVER = "private, max-age=31536000, immutable"
"""For an address that names the bytes themselves. Private: who may see them is the key's or the link's to say."""

ASK_EACH_TIME = "private, no-cache"
"""For an address whose bytes can change: kept, and asked about with If-None-Match."""


@dataclass(frozen=True)
class ServedObject:
    """`etag` without quotes. An attachment is never shown in a browser as part of this site."""

    key: str
    size: int
    media_type: str
    etag: str
    filename: str
    is_attachment: bool
    cache_control: str

    @property
    def headers(self) -> dict[str, str]:
        headers = {
            "ETag": f'"{self.etag}"',
            "Cache-Control": self.cache_control,
            "Accept-Ranges": "bytes",
            "Content-Type": self.media_type,
            "Content-Disposition": content_disposition(self.filename, "attachment" if self.is_attachment else "inline"),
            "X-Content-Type-Options": "nosniff",
        }
        if self.is_attachment:
            # Whatever the file really is, a browser that is made to show it lets it do nothing.
            headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
        return headers


async def serve(request: Request, served: ServedObject) -> Response:
    """200, 206, 304 or 416. Raises ObjectMissingError and StorageUnavailableError before the answer has begun."""
    headers = served.headers
    if _is_known(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers={name: headers[name] for name in ("ETag", "Cache-Control")})
    wanted = request.headers.get("range")
    if request.headers.get("if-range", headers["ETag"]) != headers["ETag"]:
        wanted = None
    try:
        part = requested_range(wanted, served.size)
    except RangeNotSatisfiableError as error:
        return problem(error, request, {"Content-Range": f"bytes */{served.size}"})
    headers["Content-Length"] = str(part.end - part.start)
    if not part.is_whole:
        headers["Content-Range"] = part.content_range
    status = 200 if part.is_whole else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(await _begun(request, served.key, part), status_code=status, headers=headers)


async def _begun(request: Request, key: str, part: ByteRange) -> AsyncIterator[bytes]:
    """The bytes, the first of them read already: what is wrong with storage is known while it can still be said."""
    stream = runtime_of(request).storage().stream_async(key, part.start, part.end)
    try:
        first = await anext(stream, b"")
    except ObjectMissingError as error:
        raise ObjectMissingError(
            "The file is missing from storage: process the image again for its variants, or upload its original again"
        ) from error

    async def rest() -> AsyncIterator[bytes]:
        yield first
        async for piece in stream:
            yield piece

    return rest()


def _is_known(if_none_match: str | None, etag: str) -> bool:
    if if_none_match is None:
        return False
    given = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return "*" in given or etag in given

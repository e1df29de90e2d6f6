"""A body is refused when it says it is too large, or turns out to be, before it fills the memory."""

from collections.abc import AsyncGenerator

from fastapi import Request

from fanfare_shared.errors import MalformedBodyError, PayloadTooLargeError


class BoundedRequest(Request):
    """The request, whose body raises PayloadTooLargeError beyond `max_bytes`."""

    def __init__(self, request: Request, max_bytes: int) -> None:
        super().__init__(request.scope, request.receive)
        self._max_bytes = max_bytes
        check_declared_length(request, max_bytes)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        received = 0
        async for chunk in super().stream():
            received += len(chunk)
            if received > self._max_bytes:
                raise _too_large(self._max_bytes)
            yield chunk


def check_declared_length(request: Request, max_bytes: int) -> int | None:
    """The Content-Length, where there is one. Raises PayloadTooLargeError, or MalformedBodyError for no number."""
    declared = request.headers.get("content-length")
    if declared is None:
        return None
    if not declared.isdecimal():
        raise MalformedBodyError("Content-Length is not a number")
    if int(declared) > max_bytes:
        raise _too_large(max_bytes)
    return int(declared)


def _too_large(max_bytes: int) -> PayloadTooLargeError:
    return PayloadTooLargeError(f"At most {max_bytes:,} bytes: send less, or in several requests")

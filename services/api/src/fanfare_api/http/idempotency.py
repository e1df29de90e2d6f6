"""`Idempotency-Key`: the same key and request get the same answer, kept in the transaction of what it did.

The key's row is inserted first, so that of two at once the second waits for the first one's commit. Only successes are
kept: an error changes nothing and may be tried again. Answers are encrypted, for some show a secret once.
"""

import hashlib
import json
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.auth.dependencies import CallerDep
from fanfare_api.runtime import runtime_of
from fanfare_shared.errors import IdempotencyInProgressError, IdempotencyMismatchError

_KEPT_HEADERS = ("location", "content-type")
_LOCK_NOT_AVAILABLE = "55P03"

_CLAIM = text(
    "INSERT INTO idempotency_keys (api_key_id, key, request_digest, status, body) "
    "VALUES (:api_key_id, :key, :request_digest, 0, '') ON CONFLICT DO NOTHING RETURNING true"
)
_LOOK_UP = text(
    "SELECT request_digest, status, headers, body FROM idempotency_keys WHERE api_key_id = :api_key_id AND key = :key"
)
_KEEP = text(
    "UPDATE idempotency_keys SET status = :status, headers = CAST(:headers AS jsonb), body = :body "
    "WHERE api_key_id = :api_key_id AND key = :key"
)


class Replay(Exception):  # noqa: N818 - not an error: it carries the kept answer past the endpoint
    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


async def _claim(
    request: Request,
    caller: CallerDep,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern=r"^[\x21-\x7e]+$",
            description="Repeat a request with the same key and get the first one's answer, instead of doing it twice",
        ),
    ] = None,
) -> None:
    """Claims the key for this request. Raises Replay with the kept answer, or IdempotencyMismatchError."""
    if key is None:
        return
    digest = await _request_digest(request)
    names = {"api_key_id": caller.key_id, "key": key}
    if await _insert(request.state.session, names, digest):
        request.state.idempotency = names
        return
    kept = (await request.state.session.execute(_LOOK_UP, names)).one()
    if bytes(kept.request_digest) != digest:
        raise IdempotencyMismatchError("Use a new Idempotency-Key for a new request")
    body = runtime_of(request).cipher.decrypt(kept.body)
    raise Replay(Response(body, kept.status, headers=kept.headers | {"Idempotency-Replayed": "true"}))


async def _insert(session: AsyncSession, names: dict[str, Any], digest: bytes) -> bool:
    """Whether the key is new. Waits for another request that has inserted it and not ended."""
    try:
        return (await session.execute(_CLAIM, names | {"request_digest": digest})).scalar() is not None
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            raise IdempotencyInProgressError from error
        raise


async def keep_answer(request: Request, response: Response) -> None:
    """Keeps the answer under the request's key, if it has one."""
    names = getattr(request.state, "idempotency", None)
    if names is None:
        return
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    body = runtime_of(request).cipher.encrypt(bytes(response.body).decode())
    await request.state.session.execute(
        _KEEP, names | {"status": response.status_code, "headers": json.dumps(headers), "body": body}
    )


async def _request_digest(request: Request) -> bytes:
    line = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return hashlib.sha256(line + await request.body()).digest()


Idempotent = Depends(_claim)
"""For `dependencies=[Idempotent]` of a POST that takes JSON."""

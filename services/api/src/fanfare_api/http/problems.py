"""Every error as problem details (RFC 9457), from the one error tree: `type, title, status, detail, code, request_id`.

A validation error lists the fields by path, never what was sent in them: that may be a token or a secret.
"""

from collections.abc import Sequence
from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from fanfare_shared.errors import (
    FanfareError,
    InvalidRequestError,
    LedgerUnavailableError,
    MalformedBodyError,
    MethodNotAllowedError,
    NotFoundError,
    UnauthenticatedError,
)
from fanfare_shared.logs import get_logger

log = get_logger(__name__)

# SQLSTATE classes (PostgreSQL's appendix A) that say: ask again. Connection, resources, operator, lock, serialisation.
_TRANSIENT_SQLSTATES = ("08", "53", "57", "55P03", "40")
# Text that PostgreSQL cannot hold (a NUL), and numbers out of their column's range.
_UNSTORABLE_SQLSTATES = ("22021", "22P05", "22003")


def problem(error: FanfareError, request: Request, headers: dict[str, str] | None = None) -> JSONResponse:
    """The error's document. Headers say to come back later, or how to authenticate, where that helps."""
    body = {
        "type": f"urn:fanfare:problem:{error.code.lower().replace('_', '-')}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": request.url.path,
        "code": error.code,
        "retryable": error.retryable,
        "request_id": request.scope.get("state", {}).get("request_id"),
    } | error.extra
    more = dict(headers or {})
    if isinstance(error, UnauthenticatedError):
        more["WWW-Authenticate"] = "Bearer"
    if error.retryable:
        more.setdefault("Retry-After", "1")
    return JSONResponse(body, status_code=error.status, headers=more, media_type="application/problem+json")


def install_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(FanfareError, _fanfare_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(DBAPIError, _database_error)
    app.add_exception_handler(PoolTimeoutError, _pool_exhausted)
    app.add_exception_handler(Exception, _unexpected_error)


def fields_of(errors: Sequence[Any]) -> list[dict[str, str]]:
    """Pydantic's errors as `{"field": "data_payload.colour", "message", "type"}`."""
    return [
        {
            "field": ".".join(str(part) for part in error["loc"] if part not in {"body", "query", "path", "header"}),
            "message": error["msg"].removeprefix("Value error, "),
            "type": error["type"],
        }
        for error in errors
    ]


async def _fanfare_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, FanfareError)  # noqa: S101 - for the type; registered for it
    if error.status >= 500:
        log.warning("request failed", code=error.code, detail=error.detail, path=request.url.path)
    return problem(error, request)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - for the type; registered for it
    errors = error.errors()
    if any(item["type"] == "json_invalid" for item in errors):
        reason = errors[0].get("ctx", {}).get("error", "invalid JSON")
        return problem(MalformedBodyError(f"The body is not JSON: {reason}"), request)
    fields = fields_of(errors)
    first = fields[0]
    where = f"{first['field']}: " if first["field"] else ""
    return problem(InvalidRequestError(f"{where}{first['message']}", errors=fields), request)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - for the type; registered for it
    if isinstance(error.__cause__, FanfareError):  # raised while the framework read the body
        return problem(error.__cause__, request)
    match error.status_code:
        case 404:
            return problem(NotFoundError(f"There is no address {request.url.path}; see /docs"), request)
        case 405:
            allowed = _methods_of(request)
            return problem(MethodNotAllowedError(f"{request.url.path} takes {allowed}"), request, {"Allow": allowed})
        case _:
            return problem(MalformedBodyError("The body cannot be read; send JSON in UTF-8"), request)


async def _database_error(request: Request, error: Exception) -> JSONResponse:
    # SQLAlchemy wraps the driver's error twice; a COPY raises it bare.
    cause = getattr(error.orig, "__cause__", None) if isinstance(error, DBAPIError) else error
    sqlstate = str(getattr(cause, "sqlstate", None) or "")
    if sqlstate.startswith(_UNSTORABLE_SQLSTATES) or isinstance(cause, asyncpg.DataError):
        return problem(InvalidRequestError("A text holds a NUL character, or a number is out of range"), request)
    lost = isinstance(cause, asyncpg.InterfaceError | OSError) or getattr(error, "connection_invalidated", False)
    if lost or sqlstate.startswith(_TRANSIENT_SQLSTATES):
        return await _fanfare_error(request, LedgerUnavailableError(f"PostgreSQL: {type(cause).__name__}"))
    return await _unexpected_error(request, error)


async def _pool_exhausted(request: Request, _error: Exception) -> JSONResponse:
    return await _fanfare_error(request, LedgerUnavailableError("Every connection to PostgreSQL is busy"))


async def _unexpected_error(request: Request, error: Exception) -> JSONResponse:
    log.error("unexpected error", path=request.url.path, exc_info=error)
    return problem(FanfareError("The error is in the log under this request_id"), request)


def _methods_of(request: Request) -> str:
    # The framework names the methods of one of the address's routes only.
    address = getattr(request.scope.get("route"), "path", "")
    return ", ".join(sorted(method.upper() for method in request.app.openapi()["paths"].get(address, {})))

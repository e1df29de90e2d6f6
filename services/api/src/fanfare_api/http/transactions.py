"""One request, one transaction: committed before the answer leaves, rolled back by any error; its hints follow the commit."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, ClassVar

from fastapi import Depends, Request, Response
from fastapi.params import Form
from fastapi.routing import APIRoute
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.http.body_limit import BoundedRequest
from fanfare_api.http.idempotency import Replay, keep_answer
from fanfare_api.runtime import runtime_of
from fanfare_shared.contracts.messages import Message
from fanfare_shared.errors import UnsupportedMediaTypeError


class LedgerRoute(APIRoute):
    """The route class of every router under `/v1`. A streaming answer's body runs after the commit, on its own session."""

    bounded: ClassVar[bool] = True
    max_body_bytes: ClassVar[int] = 0
    """Where what the address takes is longer than `FANFARE_API_MAX_BODY_BYTES`: how long it may be."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        bounded, max_body_bytes = self.bounded, self.max_body_bytes
        takes_json = self.body_field is not None and not isinstance(self.body_field.field_info, Form)

        async def in_transaction(request: Request) -> Response:
            if takes_json:
                _require_json(request)
            runtime = runtime_of(request)
            if bounded:
                request = BoundedRequest(request, max(max_body_bytes, runtime.settings.api_max_body_bytes))
            hints: list[Message] = []
            after_commit: list[Callable[[], None]] = []
            request.state.hints, request.state.after_commit = hints, after_commit
            try:
                async with runtime.sessions.begin() as session:
                    request.state.session = session
                    response = await handle(request)
                    await keep_answer(request, response)
            except Replay as replay:
                return replay.response
            for act in after_commit:
                act()
            runtime.hints.send(hints)
            return response

        return in_transaction


class StreamedLedgerRoute(LedgerRoute):
    """For an endpoint that reads its body as a stream, with a limit of its own."""

    bounded = False


def _require_json(request: Request) -> None:
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if has_body and kind != "application/json":
        raise UnsupportedMediaTypeError(f"Send Content-Type: application/json, not {kind or 'none'}")


def _session(request: Request) -> AsyncSession:
    session = request.state.session
    assert isinstance(session, AsyncSession)  # noqa: S101 - for the type; LedgerRoute sets it
    return session


def _hints(request: Request) -> list[Message]:
    hints: list[Message] = request.state.hints
    return hints


def _after_commit(request: Request) -> list[Callable[[], None]]:
    acts: list[Callable[[], None]] = request.state.after_commit
    return acts


SessionDep = Annotated[AsyncSession, Depends(_session)]
"""The request's own session: add to it, flush it, never commit it."""

HintsDep = Annotated[list[Message], Depends(_hints)]
"""Messages appended here are published after the commit, best effort."""

AfterCommitDep = Annotated[list[Callable[[], None]], Depends(_after_commit)]
"""What is called after the commit, before the answer: quick, and not to fail."""

"""How long requests take, by the route's template: an address with an id in it is never a label."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fanfare_shared.metrics import http_request_duration

_NO_ROUTE = "none"


class RequestMetrics:
    """Pure ASGI: measures until the last byte of the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            route = getattr(scope.get("route"), "path", _NO_ROUTE)
            http_request_duration.labels(scope["method"], route, str(status)).observe(time.perf_counter() - started)

"""`fanfare-api`: one process, one event loop. Replicas make it more; SIGTERM lets running requests finish."""

import signal
import socket
import sys

import uvicorn
from fastapi import FastAPI

from fanfare_api.app import create_app
from fanfare_api.settings import ApiSettings
from fanfare_shared.logs import configure_logging
from fanfare_shared.metrics import show_build


class Server(uvicorn.Server):
    """Ends the streams and waits that would otherwise use up the time that running requests have to finish."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.runtime.stop_waiting()
        await super().shutdown(sockets)


def main() -> None:
    settings = ApiSettings()
    configure_logging("api", settings.log_level)
    show_build("api")
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        loop="uvloop",
        http="httptools",
        workers=1,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=settings.api_drain_seconds,
    )
    # uvicorn raises the signal again once it has drained; to have been asked to end is no failure. And before it listens,
    # a process 1 would not end at all: the kernel gives that one no signal it has no handler for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Server(app, config).run()

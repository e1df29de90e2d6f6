"""Who is told: a web server and an SMTP server that keep what they are sent, and answer as a test says."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from fanfare_shared.testing.ports import free_port

_HOST = "127.0.0.1"


class Receiver:
    """An HTTP server that gives its `answers` in turn, the last one again and again, and keeps its `requests`.

    An answer is status, headers, body; a request is path, headers, body.
    """

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = [(204, {}, b"")]
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self._server = ThreadingHTTPServer((_HOST, 0), self._handler())
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._scheme = "https" if tls else "http"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, host: str = "localhost", path: str = "/hook?from=fanfare") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(receiver: Any) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the request's below
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((self.path, dict(self.headers), body))
                status, headers, answer = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
                self.send_response(status)
                for name, value in {"Content-Length": str(len(answer)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Nothing: pytest shows what matters."""

        return Handler


class MailServer:
    """An SMTP server that keeps what it is sent. `refusals` are its next answers to RCPT, to `refused` alone where it is set."""

    PASSWORD = "pass word"

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.refusals: list[str] = []
        self.refused = ""

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]) -> str:  # noqa: N802
        if self.refusals and self.refused in {"", address}:
            return self.refusals.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        message = message_from_bytes(envelope.content, policy=policy.default)
        if not isinstance(message, EmailMessage):
            raise TypeError(type(message))
        self.messages.append(message)
        return "250 OK"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        if not isinstance(data, LoginPassword):
            raise TypeError(type(data))
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == self.PASSWORD.encode(), handled=False)


@contextmanager
def running_mail_server(*, auth: bool = False, **options: Any) -> Iterator[tuple[MailServer, int]]:
    """The server and its port on 127.0.0.1. With `auth` it wants a login; `options` are aiosmtpd's."""
    server = MailServer()
    port = free_port()
    if auth:
        options |= {"authenticator": server.authenticate, "auth_required": True, "auth_require_tls": False}
    controller = Controller(server, hostname=_HOST, port=port, ready_timeout=60, **options)
    controller.start()
    try:
        yield server, port
    finally:
        controller.stop()

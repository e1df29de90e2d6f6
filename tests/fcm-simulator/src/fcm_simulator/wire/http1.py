"""HTTP/1.1 for the fault listener: google-auth fetches its tokens so. A fault of HTTP/2's frames is a drop here."""

import contextlib

import h11

from fcm_simulator.answers import Answer
from fcm_simulator.script import WireOutcomeName
from fcm_simulator.wire.codec import Close, Ending, WireError, WireRequest

_MAX_HEAD_BYTES = 64 * 1024


class Http1Codec:
    """One HTTP/1.1 connection, the server's side; requests come one after another."""

    is_draining = False

    def __init__(self) -> None:
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD_BYTES)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._ordinal = 0

    def start(self) -> bytes:
        return b""

    def receive(self, data: bytes) -> tuple[list[WireRequest], bytes]:
        self._h11.receive_data(data)
        return self._read()

    def _read(self) -> tuple[list[WireRequest], bytes]:
        to_send = b""
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as reason:
                raise WireError(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n") from reason
            match event:
                case h11.Request():
                    self._head, self._body = event, bytearray()
                    if self._h11.they_are_waiting_for_100_continue:
                        to_send += self._send(h11.InformationalResponse(status_code=100, headers=[]))
                case h11.Data(data=data):
                    self._body += data
                case h11.EndOfMessage():
                    return [self._request()], to_send
                case _:
                    return [], to_send

    def _request(self) -> WireRequest:
        head = self._head
        if head is None:
            raise WireError(b"")
        self._ordinal += 1
        headers = {bytes(name).lower(): bytes(value) for name, value in head.headers}
        authorization = headers.get(b"authorization")
        return WireRequest(
            self._ordinal,
            head.method.decode(),
            head.target.decode(),
            authorization.decode() if authorization else None,
            bytes(self._body),
        )

    def answer(self, stream: int, answer: Answer) -> bytes:
        if stream != self._ordinal or self._h11.our_state is not h11.SEND_RESPONSE:
            return b""
        data = self._send(self._response(answer)) + self._send(h11.Data(data=answer.body))
        data += self._send(h11.EndOfMessage())
        with contextlib.suppress(h11.LocalProtocolError):  # the client asked for the connection to be closed
            self._h11.start_next_cycle()
        return data

    def fault(self, stream: int, name: WireOutcomeName, answer: Answer) -> Ending:
        if name is WireOutcomeName.HALF_ANSWER and stream == self._ordinal:
            half = answer.body[: len(answer.body) // 2]
            return Ending(self._send(self._response(answer)) + self._send(h11.Data(data=half)), Close.TLS)
        return Ending(close=Close.TLS if name is WireOutcomeName.TLS_CLOSE else Close.RESET)

    def _response(self, answer: Answer) -> h11.Response:
        headers = [*answer.headers, ("content-length", str(len(answer.body)))]
        return h11.Response(status_code=answer.status, headers=headers)

    def _send(self, event: h11.Event) -> bytes:
        return self._h11.send(event) or b""

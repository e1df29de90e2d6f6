"""HTTP/2 for the fault listener. GOAWAY frames are made by hand: h2 would end the connection's state with them."""

from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame

from fcm_simulator.answers import Answer
from fcm_simulator.script import WireOutcomeName
from fcm_simulator.wire.codec import Close, Ending, WireError, WireRequest

_MAX_STREAMS = 100
_STREAM_STEP = 2
_RESET_CODES = {
    WireOutcomeName.RST_STREAM: ErrorCodes.INTERNAL_ERROR,
    WireOutcomeName.REFUSED_STREAM: ErrorCodes.REFUSED_STREAM,
}


@dataclass
class _Stream:
    method: str
    path: str
    authorization: str | None
    body: bytearray = field(default_factory=bytearray)


class Http2Codec:
    """One HTTP/2 connection, the server's side."""

    def __init__(self) -> None:
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: _MAX_STREAMS})
        self._reading: dict[int, _Stream] = {}
        self._open: set[int] = set()
        self._newest = 0
        self.is_draining = False

    def start(self) -> bytes:
        self._h2.initiate_connection()
        return self._h2.data_to_send()

    def receive(self, data: bytes) -> tuple[list[WireRequest], bytes]:
        try:
            events = self._h2.receive_data(data)
        except ProtocolError as reason:
            raise WireError(self._h2.data_to_send()) from reason
        requests = [request for event in events if (request := self._take(event)) is not None]
        return requests, self._h2.data_to_send()

    def _take(self, event: Event) -> WireRequest | None:
        match event:
            case RequestReceived(stream_id=stream, headers=headers):
                values = {str(name): str(value) for name, value in headers}
                self._reading[stream] = _Stream(values[":method"], values[":path"], values.get("authorization"))
                self._open.add(stream)
                self._newest = stream
            case DataReceived(stream_id=stream, data=data, flow_controlled_length=length):
                self._reading[stream].body += data
                self._h2.acknowledge_received_data(length, stream)
            case StreamReset(stream_id=stream):
                self._reading.pop(stream, None)
                self._open.discard(stream)
            case ConnectionTerminated():
                self._open.clear()
            case StreamEnded(stream_id=stream) if stream in self._reading:
                read = self._reading.pop(stream)
                return WireRequest(stream, read.method, read.path, read.authorization, bytes(read.body))
        return None

    def answer(self, stream: int, answer: Answer) -> bytes:
        if stream not in self._open:
            return b""
        self._open.discard(stream)
        self._h2.send_headers(stream, _headers(answer))
        self._h2.send_data(stream, answer.body, end_stream=True)
        return self._h2.data_to_send()

    def fault(self, stream: int, name: WireOutcomeName, answer: Answer) -> Ending:
        match name:
            case WireOutcomeName.GOAWAY:
                return Ending(_goaway(self._newest), Close.TCP)
            case WireOutcomeName.GOAWAY_UNPROCESSED:
                self.is_draining = True
                return Ending(_goaway(max(stream - _STREAM_STEP, 0)))
            case _ if stream not in self._open:
                return Ending(close=Close.RESET)
            case WireOutcomeName.RST_STREAM | WireOutcomeName.REFUSED_STREAM:
                self._open.discard(stream)
                self._h2.reset_stream(stream, _RESET_CODES[name])
                return Ending(self._h2.data_to_send())
            case WireOutcomeName.HALF_ANSWER:
                self._h2.send_headers(stream, _headers(answer))
                self._h2.send_data(stream, answer.body[: len(answer.body) // 2])
                return Ending(self._h2.data_to_send(), Close.TLS)
            case _:
                return Ending(close=Close.TLS if name is WireOutcomeName.TLS_CLOSE else Close.RESET)


def _goaway(last_stream: int) -> bytes:
    return GoAwayFrame(stream_id=0, last_stream_id=last_stream, error_code=ErrorCodes.NO_ERROR).serialize()


def _headers(answer: Answer) -> list[tuple[str, str]]:
    return [(":status", str(answer.status)), *answer.headers, ("content-length", str(len(answer.body)))]

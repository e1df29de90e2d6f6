"""One connection to the fault listener: each request gets its fault, or the ordinary answer."""

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, cast

from fcm_simulator import answers
from fcm_simulator.answers import Answer
from fcm_simulator.rules import Rulebook
from fcm_simulator.script import Outcome, OutcomeName, WireOutcome, WireOutcomeName
from fcm_simulator.simulator import Simulator, send_project
from fcm_simulator.wire.codec import Close, Codec, Ending, WireError, WireRequest
from fcm_simulator.wire.http1 import Http1Codec
from fcm_simulator.wire.http2 import Http2Codec

if TYPE_CHECKING:
    import ssl

_FLUSH_SECONDS = 0.01
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
AFTER_FAULT = "wire_after_fault"
"""The name under which requests are counted that came in on a connection after its end; they are not answered."""


class FaultConnection(asyncio.Protocol):
    """Speaks HTTP/2 or HTTP/1.1, as agreed by ALPN."""

    _transport: asyncio.Transport
    _codec: Codec

    def __init__(
        self, simulator: Simulator, faults: Rulebook[WireOutcome], connections: set["FaultConnection"]
    ) -> None:
        self._simulator = simulator
        self._faults = faults
        self._connections = connections
        self._waiting: dict[int, asyncio.TimerHandle] = {}
        self._is_ending = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # of uvloop, which is no subclass of it
        tls: ssl.SSLObject = transport.get_extra_info("ssl_object")
        self._codec = Http2Codec() if tls.selected_alpn_protocol() == "h2" else Http1Codec()
        self._connections.add(self)
        self._transport.write(self._codec.start())

    def connection_lost(self, _: Exception | None) -> None:
        self._connections.discard(self)
        for timer in self._waiting.values():
            timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        try:
            requests, to_send = self._codec.receive(data)
        except WireError as error:
            self._transport.write(error.reply)
            self._transport.close()
            return
        self._transport.write(to_send)
        for request in requests:
            self._handle(request)

    def use(self, faults: Rulebook[WireOutcome]) -> None:
        """Takes other rules into use for the requests to come."""
        self._faults = faults

    def abort(self) -> None:
        """Resets the connection (TCP's RST)."""
        connection: socket.socket = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    def _handle(self, request: WireRequest) -> None:
        project = send_project(request.method, request.path)
        if project is None:
            answer = self._simulator.answer(request.method, request.path, request.body)
            self._answer(request.stream, answer, 0)
            return
        sends, tally = self._simulator.sends, self._simulator.tally
        send = sends.read(request.body)
        now = sends.receive(send)
        if self._codec.is_draining or self._is_ending:
            tally.outcome(AFTER_FAULT, now, send.target)
            return
        fault = self._faults.choose(send.target)
        if fault.outcome is WireOutcomeName.NONE:
            self._answer(request.stream, *sends.reply(project, request.authorization, send, now))
            return
        tally.outcome(f"wire_{fault.outcome}", now, send.target)
        if fault.is_accepted:
            answer = answers.accepted(project, tally.accept(send.token))
        else:
            answer = answers.of_outcome(Outcome(outcome=OutcomeName.UNAVAILABLE))
        self._end(self._codec.fault(request.stream, fault.outcome, answer))

    def _answer(self, stream: int, answer: Answer | None, delay: float) -> None:
        if answer is not None:
            self._waiting[stream] = asyncio.get_running_loop().call_later(delay, self._send, stream, answer)

    def _send(self, stream: int, answer: Answer) -> None:
        del self._waiting[stream]
        if not self._is_ending:
            self._transport.write(self._codec.answer(stream, answer))
            self._close_when_drained()

    def _end(self, ending: Ending) -> None:
        self._transport.write(ending.data)
        self._is_ending = ending.close is not None
        match ending.close:
            case Close.TLS:
                self._transport.close()
            case Close.TCP:
                # Only this closes TCP alone, and it throws away what is not yet written.
                asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self._transport.abort)
            case Close.RESET:
                self.abort()
            case None:
                self._close_when_drained()

    def _close_when_drained(self) -> None:
        if self._codec.is_draining and not self._waiting:
            self._transport.close()

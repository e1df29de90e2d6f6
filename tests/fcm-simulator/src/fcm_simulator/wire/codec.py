"""What the fault listener needs of an HTTP version: requests out of bytes, answers and faults into bytes."""

from enum import Enum, auto
from typing import NamedTuple, Protocol

from fcm_simulator.answers import Answer
from fcm_simulator.script import WireOutcomeName


class WireRequest(NamedTuple):
    """One request, read to its end. `stream` is HTTP/2's stream id, or HTTP/1.1's ordinal."""

    stream: int
    method: str
    path: str
    authorization: str | None
    body: bytes


class Close(Enum):
    """How a connection ends: TLS closed in order, TCP closed without a word of TLS, or TCP reset."""

    TLS = auto()
    TCP = auto()
    RESET = auto()


class Ending(NamedTuple):
    """What a fault puts on the wire, and how it then ends the connection, if it does."""

    data: bytes = b""
    close: Close | None = None


class Codec(Protocol):
    """One connection's protocol state."""

    def start(self) -> bytes:
        """The bytes to send before anything is received."""

    def receive(self, data: bytes) -> tuple[list[WireRequest], bytes]:
        """Takes bytes; returns the requests they complete and the bytes to send. Raises WireError."""

    def answer(self, stream: int, answer: Answer) -> bytes:
        """The bytes of an answer, empty when the stream is gone."""

    def fault(self, stream: int, name: WireOutcomeName, answer: Answer) -> Ending:
        """The bytes of a fault; `answer` is what a half answer is half of."""

    @property
    def is_draining(self) -> bool:
        """Whether no request is to be processed any more."""


class WireError(Exception):
    """A client that does not speak the protocol; `reply` holds the bytes to close with."""

    def __init__(self, reply: bytes) -> None:
        super().__init__("protocol error")
        self.reply = reply

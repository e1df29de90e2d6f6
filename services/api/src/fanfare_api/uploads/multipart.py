"""`multipart/form-data` read as it arrives: a part's data goes on to whoever asks for it, and nothing is kept."""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from fanfare_shared.errors import MalformedBodyError, UnsupportedMediaTypeError

# A part's header line: a name of 10,000 characters is to be refused as a name, with the file, not as a body.
_MAX_HEADER_BYTES = 65_536
# What the parser is given at a time, so that what waits for its reader stays small.
_PIECE_BYTES = 65_536


@dataclass(frozen=True)
class Part:
    """`filename` is null where the part has none: then it is a text field. `data` must be read before the next part is."""

    name: str
    filename: str | None
    data: AsyncIterator[bytes]


class _End:
    """The end of a part."""


class MultipartReader:
    """Reads one body, once. Raises MalformedBodyError where it is no form or ends before it should."""

    def __init__(self, content_type: str | None, chunks: AsyncIterator[bytes]) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data":
            raise UnsupportedMediaTypeError("Send Content-Type: multipart/form-data")
        if not (boundary := options.get(b"boundary")):
            raise MalformedBodyError("Content-Type names no boundary")
        self._chunks = chunks
        self._events: deque[dict[bytes, bytes] | bytes | _End] = deque()
        self._headers: dict[bytes, bytes] = {}
        self._field, self._value = b"", b""
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begins,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_ends,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": self._part_data,
                    "on_part_end": self._part_ends,
                    "on_end": self._body_ends,
                },
                max_header_size=_MAX_HEADER_BYTES,
            )
        except FormParserError as error:
            raise MalformedBodyError("The boundary in Content-Type is too long") from error

    async def parts(self) -> AsyncIterator[Part]:
        while (event := await self._next()) is not None:
            if isinstance(event, dict):
                part = self._part(event)
                yield part
                async for _ in part.data:  # whoever had enough of it left the rest
                    pass

    def _part(self, headers: dict[bytes, bytes]) -> Part:
        kind, options = parse_options_header(headers.get(b"content-disposition", b"").decode("latin-1"))
        if kind != b"form-data" or b"name" not in options:
            raise MalformedBodyError("A part of the form has no name")
        filename = options.get(b"filename")
        return Part(
            name=_text(options[b"name"]), filename=None if filename is None else _text(filename), data=self._data()
        )

    async def _data(self) -> AsyncIterator[bytes]:
        while isinstance(event := await self._next(), bytes):
            yield event

    async def _next(self) -> "dict[bytes, bytes] | bytes | _End | None":
        """The next event; None at the body's end."""
        while not self._events:
            chunk = await anext(self._chunks, None)
            if chunk is None:
                if not self._ended:
                    raise MalformedBodyError("The form is cut off; nothing was changed")
                return None
            try:
                for start in range(0, len(chunk), _PIECE_BYTES):
                    self._parser.write(chunk[start : start + _PIECE_BYTES])
            except FormParserError as error:
                raise MalformedBodyError(f"The body is no form: {error}") from error
        return self._events.popleft()

    def _part_begins(self) -> None:
        self._headers = {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_ends(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field, self._value = b"", b""

    def _headers_end(self) -> None:
        self._events.append(self._headers)

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])

    def _part_ends(self) -> None:
        self._events.append(_End())

    def _body_ends(self) -> None:
        self._ended = True


# What browsers write for the characters that would end a name: https://html.spec.whatwg.org/#multipart-form-data
_ESCAPED = {"%22": '"', "%0D": "\r", "%0A": "\n"}


def _text(value: bytes) -> str:
    """Browsers and curl write names in UTF-8. What is not becomes characters that a name is refused for."""
    text = value.decode("utf-8", "surrogateescape")
    for escape, character in _ESCAPED.items():
        text = text.replace(escape, character)
    return text

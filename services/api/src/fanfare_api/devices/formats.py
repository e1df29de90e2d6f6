"""A line of NDJSON or CSV as a device's fields. What is wrong with a line is a ValueError that says what to change."""

import csv
import json
from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from fanfare_shared.errors import InvalidRequestError

FIELDS = ("user_id", "token", "platform", "locale", "timezone", "tags")
REQUIRED_FIELDS = FIELDS[:3]
TAG_SEPARATOR = ";"

_BOM = b"\xef\xbb\xbf"


class LineFormat(Protocol):
    def read(self, line: bytes) -> Mapping[str, Any] | None:
        """The line's fields; None for a line that holds none (empty, a header). Raises ValueError."""

    def is_cut_off(self, line: bytes) -> bool:
        """Whether this last line, without a line break at its end, stops in the middle of a device."""


class Ndjson:
    """An object a line, with the fields of a `PUT`; `app_id` may be left out."""

    def read(self, line: bytes) -> Mapping[str, Any] | None:
        try:
            fields = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            if not line.removeprefix(_BOM).strip():
                return None
            if line.startswith(_BOM):
                return self.read(line.removeprefix(_BOM))
            _decoded(line)
            raise ValueError(f"not JSON: {error.msg}") from error
        if not isinstance(fields, dict):
            raise ValueError("not a JSON object")  # noqa: TRY004 - what is wrong with a line is always a ValueError
        return fields

    def is_cut_off(self, line: bytes) -> bool:
        try:
            json.loads(line)
        except json.JSONDecodeError as error:
            return error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string")
        except UnicodeDecodeError as error:
            return error.reason == "unexpected end of data"
        return False


class Csv:
    """A header that names the columns, then a device a line; an empty cell is a field left out."""

    def __init__(self) -> None:
        self._columns: list[str] = []

    def read(self, line: bytes) -> Mapping[str, Any] | None:
        if not self._columns:
            self._columns = _header(line.removeprefix(_BOM))
            return None
        if not line.strip():
            return None
        cells = _cells(_decoded(line))
        if len(cells) != len(self._columns):
            raise ValueError(f"{len(cells)} cells, but the header names {len(self._columns)} columns")
        fields: dict[str, Any] = {name: cell for name, cell in zip(self._columns, cells, strict=True) if cell}
        if "tags" in fields:
            fields["tags"] = fields["tags"].split(TAG_SEPARATOR)
        return fields

    def is_cut_off(self, line: bytes) -> bool:
        try:
            return 0 < len(_cells(_decoded(line))) < len(self._columns)
        except ValueError:
            return True


def _header(line: bytes) -> list[str]:
    """Raises InvalidRequestError: without its header no line of a file means anything."""
    try:
        names = [name.strip() for name in _cells(_decoded(line))]
    except ValueError as error:
        raise InvalidRequestError(f"The CSV's header cannot be read: {error}") from error
    unknown, missing = set(names) - {*FIELDS, "app_id"}, set(REQUIRED_FIELDS) - set(names)
    if unknown or missing or len(set(names)) != len(names):
        raise InvalidRequestError(
            f"The CSV's header must name {', '.join(REQUIRED_FIELDS)}, and may name {', '.join(FIELDS[3:])}, once each"
        )
    return names


def _cells(line: str) -> list[str]:
    line = line.removesuffix("\r")
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error as error:
        raise ValueError(f"not CSV: {error}") from error


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8") from error

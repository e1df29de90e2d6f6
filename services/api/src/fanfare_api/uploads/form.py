"""The form of `POST /v1/images`: files go to storage as they come, fields are kept; both in any order."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from fanfare_api.folders.names import FilePath, checked_file_path, shown
from fanfare_api.uploads.multipart import MultipartReader, Part
from fanfare_api.uploads.receiving import Receiver, StoredFile
from fanfare_api.uploads.schemas import FileRejected
from fanfare_api.uploads.wishes import UploadWishes
from fanfare_shared.errors import (
    FanfareError,
    ImageRejectedError,
    InvalidRequestError,
    NameInvalidError,
    NameTooLongError,
    PayloadTooLargeError,
)

_FILES, _PATHS = "files", "paths"
_ONCE = frozenset(UploadWishes.model_fields)


@dataclass
class UploadForm:
    """What a form held. `files` in its order, with the name given to each: a file, or the error that it ended with."""

    max_files: int
    max_text_bytes: int
    files: list[tuple[str, StoredFile | ImageRejectedError]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    _text_bytes: int = 0

    async def read(self, reader: MultipartReader, receiver: Receiver) -> None:
        """Raises InvalidRequestError for a field that is none of ours, PayloadTooLargeError, and what `receiver` raises
        that is not the file's own fault.
        """
        async for part in reader.parts():
            if part.name == _FILES:
                await self._take_file(part, receiver)
            elif part.name == _PATHS:
                if len(self.paths) >= self.max_files:
                    raise self._too_many_files()
                self.paths.append(await self._text(part))
            elif part.name in _ONCE and part.name not in self.fields:
                self.fields[part.name] = await self._text(part)
            else:
                why = "given twice" if part.name in _ONCE else f"no such field; there are {_names()}"
                raise InvalidRequestError(f"{shown(part.name)[:50]}: {why}")

    def wishes(self) -> UploadWishes:
        """Raises RequestValidationError and InvalidRequestError."""
        values: dict[str, object] = {name: value for name, value in self.fields.items() if value}
        if pipeline := self.fields.get("pipeline"):
            try:
                values["pipeline"] = orjson.loads(pipeline)
            except orjson.JSONDecodeError as error:
                raise InvalidRequestError(f"pipeline: not JSON: {error.msg}") from error
        try:
            return UploadWishes.model_validate(values)
        except ValidationError as error:
            raise RequestValidationError(error.errors()) from error

    def sorted_out(self) -> tuple[list[tuple[FilePath, StoredFile]], list[FileRejected]]:
        """The files that can become images, each with its path below the request's folder, and the others."""
        if not self.files:
            raise InvalidRequestError(f"{_FILES}: send at least one file in the form's field `{_FILES}`")
        if self.paths and len(self.paths) != len(self.files):
            raise InvalidRequestError(f"{_PATHS}: give one for each of the {len(self.files)} files, or none")
        accepted: list[tuple[FilePath, StoredFile]] = []
        rejected: list[FileRejected] = []
        for (filename, file), path in zip(self.files, self.paths or [""] * len(self.files), strict=True):
            name = path or filename
            try:
                if isinstance(file, ImageRejectedError):
                    raise file
                accepted.append((checked_file_path(name), file))
            except (ImageRejectedError, NameInvalidError, NameTooLongError) as error:
                rejected.append(rejection(name, error))
        return accepted, rejected

    async def _take_file(self, part: Part, receiver: Receiver) -> None:
        if len(self.files) >= self.max_files:
            raise self._too_many_files()
        try:
            self.files.append((part.filename or "", await receiver.store(part.data)))
        except ImageRejectedError as error:
            self.files.append((part.filename or "", error))

    async def _text(self, part: Part) -> str:
        read = bytearray()
        async for piece in _bounded(part.data, self.max_text_bytes - self._text_bytes):
            read += piece
        self._text_bytes += len(read)
        # Names that are not UTF-8 are rejected with their file; in every other field such a character is an error, too.
        return read.decode("utf-8", "surrogateescape")

    def _too_many_files(self) -> PayloadTooLargeError:
        return PayloadTooLargeError(f"A request may have {self.max_files:,} files at most: send several requests")


def rejection(name: str, error: FanfareError) -> FileRejected:
    return FileRejected(name=shown(name), code=error.code, message=error.detail)


async def _bounded(data: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    left = max_bytes
    async for piece in data:
        left -= len(piece)
        if left < 0:
            raise PayloadTooLargeError("The form's text fields are too long: send fewer files in a request")
        yield piece


def _names() -> str:
    return ", ".join((_FILES, _PATHS, *UploadWishes.model_fields))

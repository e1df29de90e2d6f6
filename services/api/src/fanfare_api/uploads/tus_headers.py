"""What tus 1.0.0 says in headers: https://tus.io/protocols/resumable-upload."""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from fanfare_api.uploads.wishes import UploadWishes
from fanfare_shared.errors import InvalidRequestError, UnsupportedMediaTypeError, UploadVersionError

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration"
CONTENT_TYPE = "application/offset+octet-stream"
# Beyond it HTTP servers refuse a header; a pipeline fits.
_MAX_METADATA = 32_768


def check_version(request: Request) -> None:
    """Raises UploadVersionError for a client of another version."""
    if request.headers.get("tus-resumable") != VERSION:
        raise UploadVersionError


def check_content_type(request: Request) -> None:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise UnsupportedMediaTypeError(f"Send Content-Type: {CONTENT_TYPE}")


def has_content(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith(CONTENT_TYPE)


def number(request: Request, name: str) -> int:
    """Raises InvalidRequestError where the header is missing or no number."""
    value = request.headers.get(name, "")
    if not (value.isascii() and value.isdecimal()) or len(value) > 18:
        raise InvalidRequestError(f"{name}: send a number of bytes")
    return int(value)


def metadata(header: str | None) -> dict[str, str]:
    """`Upload-Metadata`: names, each with its value in base64. Raises InvalidRequestError."""
    if not header:
        return {}
    if len(header) > _MAX_METADATA:
        raise InvalidRequestError(f"Upload-Metadata: at most {_MAX_METADATA:,} characters")
    values: dict[str, str] = {}
    for pair in header.split(","):
        name, _, value = pair.strip().partition(" ")
        try:
            values[name] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError) as error:
            raise InvalidRequestError("Upload-Metadata: names, each with its value in base64 of UTF-8") from error
    return values


def wishes_of(values: Mapping[str, str]) -> tuple[str, UploadWishes]:
    """The file's name and what is to become of it; what other tools add (`filetype`) is not ours to read.

    `relativePath` is Uppy's word for a file's place in a folder.
    """
    name = values.get("relativePath") or values.get("filename") or values.get("name") or ""
    if name == "null":  # Uppy's, of a file that was not in a folder
        name = values.get("filename") or values.get("name") or ""
    fields: dict[str, Any] = {key: values[key] for key in UploadWishes.model_fields if values.get(key)}
    try:
        if "pipeline" in fields:
            fields["pipeline"] = orjson.loads(fields["pipeline"])
        return name, UploadWishes.model_validate(fields)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestError(f"pipeline: not JSON: {error.msg}") from error
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


def http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)

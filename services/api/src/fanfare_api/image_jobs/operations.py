"""What a job can be asked to do to each image: the body's `operation`, as the ledger's operation and parameters."""

import string
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from fanfare_api.http.schemas import RequestBody, Text
from fanfare_shared.errors import InvalidRequestError
from fanfare_shared.images.file_names import MAX_NAME_CHARACTERS, checked_name
from fanfare_shared.images.pipeline import SLUG

Collision = Literal["number", "skip", "fail"]

_PLACEHOLDERS = {"stem", "ext", "n", "date", "folder"}
_MOST_DIGITS = 9


def check_pattern(pattern: str) -> str:
    """Raises ValueError, also where every image would get the same name."""
    try:
        fields = [
            (name, spec, conversion)
            for _, name, spec, conversion in string.Formatter().parse(pattern)
            if name is not None
        ]
    except ValueError:
        raise ValueError("a { without its }, or the other way round; write {{ and }} for braces in a name") from None
    for name, spec, conversion in fields:
        if name not in _PLACEHOLDERS or conversion:
            raise ValueError(
                f"{{{name}}} is not known here: use {{stem}}, {{n}}, {{n:04}}, {{date}}, {{folder}} and {{ext}}"
            )
        if spec and not (name == "n" and spec[0] == "0" and spec.isdecimal() and int(spec) <= _MOST_DIGITS):
            raise ValueError(f"{{{name}:{spec}}}: only n takes a width, {{n:04}}, of at most {_MOST_DIGITS} digits")
    if not {name for name, _, _ in fields} & {"stem", "n"}:
        raise ValueError("every image would get the same name: put {stem} or {n} into it")
    try:
        checked_name(pattern)
    except InvalidRequestError as error:
        raise ValueError(error.detail) from None
    return pattern


def check_archive_name(name: str) -> str:
    """Raises ValueError."""
    try:
        return checked_name(name.removesuffix(".zip"))
    except InvalidRequestError as error:
        raise ValueError(error.detail) from None


class Copy(RequestBody):
    """`folder_id` null is the top. `collision`: what is done where the name is taken there."""

    kind: Literal["copy"]
    folder_id: UUID | None = None
    folder: Text | None = None
    collision: Collision = "number"

    @model_validator(mode="after")
    def _goes_somewhere(self) -> "Copy":
        if ("folder_id" in self.model_fields_set) == ("folder" in self.model_fields_set):
            raise ValueError('say where to: either {"folder_id": id, or null for the top} or {"folder": "path"}')
        return self


class Move(Copy):
    kind: Literal["move"]  # type: ignore[assignment] # another word of the same union


class Rename(RequestBody):
    """`pattern` has `{stem}`, `{ext}` (with its dot), `{n}`, the image's number in the job from 1 (`{n:04}`: 0001), `{date}`
    of its upload (`2026-11-21`) and the name of its `{folder}`.
    """

    kind: Literal["rename"]
    pattern: Annotated[Text, Field(min_length=1, max_length=MAX_NAME_CHARACTERS), AfterValidator(check_pattern)]
    collision: Collision = "number"


class Archive(RequestBody):
    """One ZIP, or several where one would be too large: of the originals, or of the variants of a name. `name` is without
    `.zip`.
    """

    kind: Literal["archive"]
    name: Annotated[Text, Field(min_length=1, max_length=200), AfterValidator(check_archive_name)] = "images"
    variant: Annotated[Text, Field(pattern=SLUG)] | None = None


class Trash(RequestBody):
    kind: Literal["trash"]


class Restore(RequestBody):
    kind: Literal["restore"]


class Purge(RequestBody):
    """For good, whether an image is in the trash or not."""

    kind: Literal["purge"]


FileOperation = Annotated[Copy | Move | Rename | Archive | Trash | Restore | Purge, Field(discriminator="kind")]

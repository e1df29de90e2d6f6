"""What the bodies of requests have in common."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


class RequestBody(BaseModel):
    """Unknown fields are refused: a misspelt one must not be ignored."""

    model_config = ConfigDict(extra="forbid")


class Shown(BaseModel):
    """What an endpoint answers, read from a row of the ledger."""

    model_config = ConfigDict(from_attributes=True)


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("the character U+0000 cannot be stored; leave it out")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("half of a surrogate pair is no character; leave it out")
    return text


Text = Annotated[str, AfterValidator(_storable)]

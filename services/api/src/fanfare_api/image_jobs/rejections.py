"""Why an image that was asked for is not in its job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from fanfare_api.http.schemas import Shown
from fanfare_shared.contracts.words import Operation

FIRST = 100
"""How many of them are named one by one."""


class Rejection(StrEnum):
    IMAGE_UNKNOWN = "IMAGE_UNKNOWN"
    IMAGE_TRASHED = "IMAGE_TRASHED"
    IMAGE_NOT_TRASHED = "IMAGE_NOT_TRASHED"
    IMAGE_FAILED = "IMAGE_FAILED"
    ORIGINAL_DROPPED = "ORIGINAL_DROPPED"

    @property
    def message(self) -> str:
        return _MESSAGES[self]


_MESSAGES = {
    Rejection.IMAGE_UNKNOWN: "There is no such image",
    Rejection.IMAGE_TRASHED: "It is in the trash: restore it first",
    Rejection.IMAGE_NOT_TRASHED: "It is not in the trash",
    Rejection.IMAGE_FAILED: "Its file is no image that can be read",
    Rejection.ORIGINAL_DROPPED: "Its original was dropped for its age",
}


class RejectedImage(Shown):
    id: UUID
    code: str
    message: str


class RejectedShown(Shown):
    """`first` names the first 100."""

    count: int
    codes: dict[str, int]
    first: list[RejectedImage]

    @classmethod
    def of_row(cls, rejected: Mapping[str, Any]) -> "RejectedShown":
        """From `image_jobs.rejected`; empty for a job that rejected nothing."""
        first = [
            RejectedImage(id=image["id"], code=image["code"], message=_message(image["code"]))
            for image in rejected.get("first", [])
        ]
        return cls(count=rejected.get("count", 0), codes=rejected.get("codes", {}), first=first)


@dataclass
class Rejected:
    codes: dict[Rejection, int] = field(default_factory=dict)
    first: list[tuple[UUID, Rejection]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(self.codes.values())

    def as_row(self) -> dict[str, Any]:
        """As `image_jobs.rejected` keeps it."""
        return {
            "count": self.count,
            "codes": {code.value: count for code, count in self.codes.items()},
            "first": [{"id": str(image_id), "code": code.value} for image_id, code in self.first],
        }


def rejection_sql(operation: Operation, *, needs_original: bool) -> str:
    """SQL: the code with which the operation rejects the image `i` with its original `o`, null where it does not."""
    cases = [(Rejection.IMAGE_UNKNOWN, "i.id IS NULL")]
    if operation is Operation.RESTORE:
        cases.append((Rejection.IMAGE_NOT_TRASHED, "i.trashed_at IS NULL"))
    elif operation is not Operation.PURGE:
        cases.append((Rejection.IMAGE_TRASHED, "i.trashed_at IS NOT NULL"))
    if operation.makes_variants:
        # A format is what a worker reads from the header: none, and failed, is a file that is no image.
        cases.append((Rejection.IMAGE_FAILED, "i.status = 'failed' AND o.format IS NULL"))
    if needs_original:
        cases.append((Rejection.ORIGINAL_DROPPED, "o.key IS NULL"))
    return f"CASE {' '.join(f'WHEN {condition} THEN {code.value!r}' for code, condition in cases)} END"


def _message(code: str) -> str:
    return Rejection(code).message if code in Rejection.__members__ else code

"""Why an image that was asked for is not in its job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from fanfare_api.http.schemas import Shown
from fanfare_shared.contracts.words import Operation
from fanfare_shared.images.taking import Rejection, rejections

FIRST = 100
"""How many of them are named one by one."""


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


def rejection_sql(operation: Operation, variant: str | None) -> str:
    """SQL: the code with which the operation rejects the image `i` with its original `o`, null where it does not."""
    cases = rejections(operation, variant)
    return f"CASE {' '.join(f'WHEN {condition} THEN {code.value!r}' for code, condition in cases)} END"


def _message(code: str) -> str:
    return _MESSAGES[Rejection(code)] if code in Rejection.__members__ else code

"""What a claim hands to the image-worker, and what it records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from fanfare_shared.bulk.lease import Lease
from fanfare_shared.contracts.words import ItemOutcome, Lane, Operation
from fanfare_shared.errors import FanfareError


@dataclass(frozen=True, slots=True)
class JobRow:
    """The job as its worker needs it."""

    id: UUID
    operation: Operation
    parameters: Mapping[str, Any]
    target: Mapping[str, Any]
    created_by: str
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A claimed batch, and its job. Its items are read by whoever works on them."""

    lease: Lease
    job: JobRow
    lane: Lane
    size: int


@dataclass(frozen=True, slots=True)
class ItemRow:
    """A pending item with its image and original. `name` is the image's; `original_id` and what follows are null where the
    image is gone, `key` also where the original was dropped, `price` where no worker has read the header.
    """

    position: int
    image_id: UUID
    name: str
    is_trashed: bool
    status: str | None
    original_id: UUID | None
    digest: bytes | None
    key: str | None
    media_type: str | None
    price: int | None


@dataclass(frozen=True, slots=True)
class WatermarkRow:
    """An image that is laid over others: its original, `key` null where it was dropped."""

    image_id: UUID
    digest: bytes
    key: str | None


@dataclass(frozen=True, slots=True)
class MadeVariant:
    """A variant's object in storage. Sides in pixels, `size` in bytes."""

    key: str
    format: str
    media_type: str
    width: int
    height: int
    pages: int
    size: int


@dataclass(frozen=True, slots=True)
class OriginalFacts:
    """What a header says of an original; `price` in bytes."""

    format: str
    media_type: str
    width: int
    height: int
    pages: int
    price: int


@dataclass(slots=True)
class Done:
    """An item that was worked on: failed where it has an error. `variants` by their names; of a failed one, those that were
    made before.
    """

    item: ItemRow
    seconds: float = 0.0
    error: FanfareError | None = None
    variants: dict[str, MadeVariant] = field(default_factory=dict)
    facts: OriginalFacts | None = None

    @property
    def outcome(self) -> ItemOutcome:
        return ItemOutcome.SUCCEEDED if self.error is None else ItemOutcome.FAILED


@dataclass(frozen=True, slots=True)
class Recorded:
    """After a record: whether the job may still be worked on under this lease, and whether the image is still there."""

    may_work: bool
    image_lives: bool = True


@dataclass(frozen=True, slots=True)
class FileRow:
    """A pending item with its image and original, for a file operation. All but the first three are null where it is gone."""

    position: int
    image_id: UUID
    planned_name: str
    name: str | None
    folder_id: UUID | None
    folder: str | None
    status: str | None
    trashed_at: datetime | None
    uploaded_at: datetime | None
    original_id: UUID | None
    key: str | None
    size: int | None

    @property
    def is_gone(self) -> bool:
        return self.name is None

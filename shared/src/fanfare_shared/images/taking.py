"""Which images an operation takes, said once: the api counts by it, planning selects by it."""

from enum import StrEnum

from fanfare_shared.contracts.words import Operation


class Rejection(StrEnum):
    """Why an image that was asked for is not in its job."""

    IMAGE_UNKNOWN = "IMAGE_UNKNOWN"
    IMAGE_TRASHED = "IMAGE_TRASHED"
    IMAGE_NOT_TRASHED = "IMAGE_NOT_TRASHED"
    IMAGE_FAILED = "IMAGE_FAILED"
    ORIGINAL_DROPPED = "ORIGINAL_DROPPED"

    @property
    def is_of_the_trash(self) -> bool:
        return self in {Rejection.IMAGE_TRASHED, Rejection.IMAGE_NOT_TRASHED}


def reads_originals(operation: Operation, variant: str | None) -> bool:
    """Whether it works on the originals' bytes; an archive may be of a `variant` instead."""
    return operation.makes_variants or (operation is Operation.ARCHIVE and variant is None)


def rejections(operation: Operation, variant: str | None) -> list[tuple[Rejection, str]]:
    """The codes with which the operation rejects the image `i` with its original `o`, and when, in SQL. The first counts."""
    cases = [(Rejection.IMAGE_UNKNOWN, "i.id IS NULL")]
    if operation is Operation.RESTORE:
        cases.append((Rejection.IMAGE_NOT_TRASHED, "i.trashed_at IS NULL"))
    elif operation is not Operation.PURGE:
        cases.append((Rejection.IMAGE_TRASHED, "i.trashed_at IS NOT NULL"))
    if operation.makes_variants:
        # A format is what a worker reads from the header: none, and failed, is a file that is no image.
        cases.append((Rejection.IMAGE_FAILED, "i.status = 'failed' AND o.format IS NULL"))
    if reads_originals(operation, variant):
        cases.append((Rejection.ORIGINAL_DROPPED, "o.key IS NULL"))
    return cases

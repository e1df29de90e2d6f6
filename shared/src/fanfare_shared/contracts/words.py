"""The vocabulary: the same word for one thing in the API, the ledger, the messages and the metrics."""

from enum import StrEnum


class Priority(StrEnum):
    """A campaign's priority: it sets the queue, `android.priority` and `apns-priority`."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Platform(StrEnum):
    IOS = "ios"
    ANDROID = "android"
    WEB = "web"


class DeliveryGuarantee(StrEnum):
    """What becomes of a send whose answer never came: sent again, or left `unknown`."""

    AT_LEAST_ONCE = "at_least_once"
    AT_MOST_ONCE = "at_most_once"


class Outcome(StrEnum):
    """A device's one terminal outcome in a campaign."""

    ACCEPTED = "accepted"
    INVALID_TOKEN = "invalid_token"  # noqa: S105 - an outcome, not a secret
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class JobStatus(StrEnum):
    """Where a bulk job (a campaign, an image job) stands. The legal moves are `fanfare_shared.bulk.transitions`."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PROCESSING = "processing"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        return self in {JobStatus.CANCELLED, JobStatus.COMPLETED, JobStatus.FAILED}


class BatchStatus(StrEnum):
    """Where a batch stands: it waits, is on its queue, is being sent, is settled, or was set aside for a human."""

    READY = "ready"
    PUBLISHED = "published"
    LEASED = "leased"
    CLOSED = "closed"
    SET_ASIDE = "set_aside"


class Operation(StrEnum):
    """What an image job does to each image. `upload` and `process` make variants, the first of an image just taken in;
    the others are file operations. `drop_original` removes the stored original and keeps the variants.
    """

    UPLOAD = "upload"
    PROCESS = "process"
    COPY = "copy"
    MOVE = "move"
    RENAME = "rename"
    TRASH = "trash"
    RESTORE = "restore"
    PURGE = "purge"
    ARCHIVE = "archive"
    DROP_ORIGINAL = "drop_original"

    @property
    def makes_variants(self) -> bool:
        return self in {Operation.UPLOAD, Operation.PROCESS}


class Lane(StrEnum):
    """Which queue an image's work stands in: a person waits for it, it is one of many, it is large, or it moves files."""

    INTERACTIVE = "images.interactive"
    BULK = "images.bulk"
    HEAVY = "images.heavy"
    FILES = "files.bulk"


class ItemOutcome(StrEnum):
    """What became of an image in a job; all but `pending` are terminal."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ImageStatus(StrEnum):
    """Whether an image's variants are being made, are there, or could not be made."""

    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class TaskStatus(StrEnum):
    """The states of `GET /v1/tasks/{id}`, in Celery's own words."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    RETRY = "RETRY"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    REVOKED = "REVOKED"

"""The one error tree: each class states its HTTP status, its stable code, whether to retry, and its metric label.

An error's message tells whoever caused it what to do. It never holds a device token or a secret.
"""

from typing import Any, ClassVar


class FanfareError(Exception):
    """The root. `detail` is for humans; `extra` is merged into the problem document (RFC 9457)."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL_ERROR"
    title: ClassVar[str] = "Something went wrong on our side"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "", **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extra = extra

    @classmethod
    def metric_label(cls) -> str:
        return cls.code.lower()


class InvalidRequestError(FanfareError):
    status, code, title = 422, "INVALID_REQUEST", "The request is not valid"


class MalformedBodyError(FanfareError):
    status, code, title = 400, "MALFORMED_BODY", "The body cannot be read"


class UnsupportedMediaTypeError(FanfareError):
    status, code, title = 415, "UNSUPPORTED_MEDIA_TYPE", "The content type is not one this address takes"


class PayloadTooLargeError(FanfareError):
    status, code, title = 413, "PAYLOAD_TOO_LARGE", "The body is too large"


class MessageTooLargeError(InvalidRequestError):
    code, title = "MESSAGE_TOO_LARGE", "The encoded message is over FCM's 4,096 bytes"


class UntrustedTokenUriError(InvalidRequestError):
    code, title = "UNTRUSTED_TOKEN_URI", "The credentials' token_uri is not Google's"


class InvalidCredentialsError(InvalidRequestError):
    code, title = "INVALID_CREDENTIALS", "The credentials are not a service account's JSON"


class UnauthenticatedError(FanfareError):
    status, code, title = 401, "UNAUTHENTICATED", "No valid API key was given"


class ForbiddenError(FanfareError):
    status, code, title = 403, "FORBIDDEN", "This API key may not do that"


class NotFoundError(FanfareError):
    status, code, title = 404, "NOT_FOUND", "There is no such thing"


class MethodNotAllowedError(FanfareError):
    status, code, title = 405, "METHOD_NOT_ALLOWED", "This address does not take that method"


class ConflictError(FanfareError):
    status, code, title = 409, "CONFLICT", "The present state does not allow that"


class IllegalTransitionError(ConflictError):
    """`extra['status_now']` is the present status; `status` is HTTP's."""

    code, title = "ILLEGAL_TRANSITION", "The job's status does not allow that"


class AlreadyExistsError(ConflictError):
    code, title = "ALREADY_EXISTS", "It exists already"


class IdempotencyMismatchError(ConflictError):
    status, code, title = 422, "IDEMPOTENCY_KEY_REUSED", "This Idempotency-Key was used for another request"


class IdempotencyInProgressError(ConflictError):
    code, title, retryable = (
        "IDEMPOTENCY_IN_PROGRESS",
        "The first request with this Idempotency-Key is still running",
        True,
    )


class UnavailableError(FanfareError):
    """A server we need does not answer. Whoever asked may ask again."""

    status, code, title, retryable = 503, "UNAVAILABLE", "A server we depend on does not answer", True


class LedgerUnavailableError(UnavailableError):
    code, title = "LEDGER_UNAVAILABLE", "PostgreSQL does not answer"


class BrokerUnavailableError(UnavailableError):
    code, title = "BROKER_UNAVAILABLE", "RabbitMQ does not answer"


class MessageUnroutableError(FanfareError):
    """RabbitMQ has no queue for the message: `deploy/rabbitmq/definitions.json` was not loaded."""

    code, title = "MESSAGE_UNROUTABLE", "RabbitMQ has no queue for the message"


class QuotaUnavailableError(UnavailableError):
    code, title = "QUOTA_UNAVAILABLE", "Redis does not answer"


class StorageUnavailableError(UnavailableError):
    code, title = "STORAGE_UNAVAILABLE", "The image storage does not answer"


class ObjectMissingError(FanfareError):
    """Storage has no such object. The ledger may say otherwise: then it was deleted behind its back."""

    status, code, title = 404, "OBJECT_MISSING", "Storage has no such object"


class StorageMisusedError(FanfareError):
    """A bug of ours: a key that is not one, or a store that was taken across a fork."""

    code, title = "STORAGE_MISUSED", "Storage was used wrongly"


class LinkInvalidError(ForbiddenError):
    code, title = "LINK_INVALID", "This link was not signed by us, or was changed since: ask for a new one"


class LinkExpiredError(ForbiddenError):
    code, title = "LINK_EXPIRED", "This link has expired: ask for a new one"


class LeaseLostError(FanfareError):
    """The batch was claimed by another worker since: whatever this one still holds is void."""

    code, title = "LEASE_LOST", "The batch belongs to another worker now"


class BatchUnaccountedError(FanfareError):
    """A batch was to be closed with positions unanswered: a bug, and its devices must not get lost with it."""

    code, title = "BATCH_UNACCOUNTED", "The batch's positions are not all answered for"


class CredentialsUnusableError(FanfareError):
    """The app's credentials cannot be decrypted, read or exchanged for a token: the sender is at fault."""

    code, title = "CREDENTIALS_UNUSABLE", "The app's credentials cannot be used"


class TokenEndpointUnavailableError(UnavailableError):
    code, title = "TOKEN_ENDPOINT_UNAVAILABLE", "The OAuth token endpoint does not answer"


class InvalidMessageError(FanfareError):
    """A message on a queue that no contract describes. It goes to the `dead` queue."""

    code, title = "INVALID_MESSAGE", "The message fits no contract"


class ImageRejectedError(InvalidRequestError):
    """An image that no second try makes a variant of: its bytes, or what is asked of it, are at fault."""

    code, title = "IMAGE_REJECTED", "The image cannot be processed"


class ImageEmptyError(ImageRejectedError):
    code, title = "IMAGE_EMPTY", "The file is empty"


class ImageTypeUnsupportedError(ImageRejectedError):
    status, code = 415, "IMAGE_TYPE_UNSUPPORTED"
    title = "The file is no image of a type that is taken: JPEG, PNG, WebP, GIF, AVIF, TIFF or HEIC"


class ImageCorruptError(ImageRejectedError):
    """Also a file that ends too early."""

    code, title = "IMAGE_CORRUPT", "The image is truncated or damaged"


class ImageTooLargeError(ImageRejectedError):
    status, code, title = 413, "IMAGE_TOO_LARGE", "The file has too many bytes"


class ImageTooManyPixelsError(ImageRejectedError):
    code, title = "IMAGE_TOO_MANY_PIXELS", "The image has too many pixels"


class ImageTooManyFramesError(ImageRejectedError):
    code, title = "IMAGE_TOO_MANY_FRAMES", "The animation has too many frames"


class ImageEncodeFailedError(ImageRejectedError):
    """The variant cannot be written: a side too long for its format, a watermark that cannot be drawn."""

    code, title = "IMAGE_ENCODE_FAILED", "The variant cannot be written"


class ImageOutOfMemoryError(ImageRejectedError):
    code, title = "IMAGE_OUT_OF_MEMORY", "The image needs more memory than a worker may use"


class NameInvalidError(InvalidRequestError):
    """A file's or folder's name, or a path of them, that could be mistaken for something else than a name."""

    code, title = "NAME_INVALID", "That cannot be a name"


class NameTooLongError(InvalidRequestError):
    code, title = "NAME_TOO_LONG", "The name is too long"


class NothingAcceptedError(InvalidRequestError):
    """`extra['rejected']` says of each thing in the request what is wrong with it."""

    code, title = "NOTHING_ACCEPTED", "Nothing in the request can be accepted"


class NothingToDoError(InvalidRequestError):
    """`extra['rejected']` says how many images were asked for and why none of them can be worked on."""

    code, title = "NOTHING_TO_DO", "No image is left to work on"


class UploadIncompleteError(ConflictError):
    code, title = "UPLOAD_INCOMPLETE", "The upload's content is not there yet"


class UploadOffsetError(ConflictError):
    """`extra['offset']` is what has arrived."""

    code, title = "UPLOAD_OFFSET_MISMATCH", "The upload goes on at another offset"


class UploadVersionError(FanfareError):
    status, code, title = 412, "UPLOAD_VERSION_UNSUPPORTED", "Send Tus-Resumable: 1.0.0"


class GoneError(FanfareError):
    status, code, title = 410, "GONE", "It was there and is no more"


class UploadExpiredError(GoneError):
    code, title = "UPLOAD_EXPIRED", "The upload was not completed in time: begin a new one"


class OriginalDroppedError(GoneError):
    code, title = "ORIGINAL_DROPPED", "The original was dropped for its age; its variants are there"


class RangeNotSatisfiableError(FanfareError):
    status, code, title = 416, "RANGE_NOT_SATISFIABLE", "The range begins after the end"


class ConfigurationError(FanfareError):
    code, title = "CONFIGURATION", "A setting is wrong"

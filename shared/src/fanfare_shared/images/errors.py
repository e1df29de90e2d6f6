"""What fails an item of an image job beside what its bytes are: the codes that items and images are recorded with."""

from fanfare_shared.errors import FanfareError


class ItemError(FanfareError):
    """An item that no second try makes succeed as things are. The code goes into the item's row, never to an HTTP client."""

    status, code, title = 409, "ITEM_FAILED", "The image could not be worked on"


class ImageUnknownError(ItemError):
    code, title = "IMAGE_UNKNOWN", "The image was purged before its turn came"


class ImageTrashedError(ItemError):
    code, title = "IMAGE_TRASHED", "The image was moved to the trash before its turn came: restore it first"


class ImageNotTrashedError(ItemError):
    code, title = "IMAGE_NOT_TRASHED", "The image is not in the trash"


class ImageProcessingError(ItemError):
    code, title = "IMAGE_PROCESSING", "The image's first variants are still being made: try again when it is ready"


class ImageKilledWorkerError(ItemError):
    code, title = "IMAGE_KILLED_WORKER", "The image ended the process that worked on it twice"


class OriginalMissingError(ItemError):
    code, title = "ORIGINAL_MISSING", "Storage no longer has the image's original"


class OriginalGoneError(ItemError):
    code, title = "ORIGINAL_DROPPED", "The image's original was dropped; its variants are there"


class OriginalInUseError(ItemError):
    code, title = "ORIGINAL_IN_USE", "Another image, which is not in this job, has the same original"


class VariantMissingError(ItemError):
    code, title = "VARIANT_MISSING", "The image has no variant of that name"


class WatermarkMissingError(ItemError):
    code, title = "WATERMARK_MISSING", "The watermark's image, or its original, is not there"


class NameTakenError(ItemError):
    code, title = "NAME_TAKEN", "The folder has an image of that name"


class NameUnusableError(ItemError):
    code, title = "NAME_INVALID", "The pattern makes a name of it that cannot be one"


class FolderUnknownError(ItemError):
    code, title = "FOLDER_UNKNOWN", "The folder it was to go to is not there"

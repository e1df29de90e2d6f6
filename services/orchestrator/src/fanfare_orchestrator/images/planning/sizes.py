"""How many images a batch and a window hold."""

from fanfare_orchestrator.images.settings import ImagePlanSettings
from fanfare_shared.contracts.words import Operation

# What a batch of a job with a rate may take of it.
TURN_SECONDS = 5
# A part of an archive is a batch, and a ZIP of its own.
ARCHIVE_ITEMS = 10_000
ARCHIVE_BYTES = 2_000_000_000

# A window is one transaction of a fraction of a second: a campaign's hint may stand behind it.
_WINDOW_ITEMS = 10_000
_WINDOW_BATCHES = 2_000
# Of a job's first window, so that work starts at once.
_FIRST_WINDOW_BATCHES = 4


def batch_size(settings: ImagePlanSettings, operation: Operation, seconds_per_item: float | None) -> int:
    """Images in a batch: what is set for such work, or what the job's rate allows in five seconds."""
    if operation is Operation.ARCHIVE:
        return ARCHIVE_ITEMS
    most = settings.image_batch_size if operation.makes_variants else settings.image_file_batch_size
    return most if seconds_per_item is None else max(1, min(most, int(TURN_SECONDS / seconds_per_item)))


def window_size(size: int, *, first: bool) -> int:
    """Images in a window of batches of `size`: whole batches, were none heavy."""
    most = max(1, min(_WINDOW_BATCHES, _WINDOW_ITEMS // size))
    return size * (min(most, _FIRST_WINDOW_BATCHES) if first else most)

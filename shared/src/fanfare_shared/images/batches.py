"""The operations on batches of images, in the order of a batch's life. Import them from here."""

from fanfare_shared.images.claims import claim, read_watermarks, start_items, take_over_variants, why_missing
from fanfare_shared.images.closing import close
from fanfare_shared.images.recording import move_to_heavy, record, renew

__all__ = [
    "claim",
    "close",
    "move_to_heavy",
    "read_watermarks",
    "record",
    "renew",
    "start_items",
    "take_over_variants",
    "why_missing",
]

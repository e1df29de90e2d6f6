"""The operations on batches, in the order of a batch's life. Import them from here."""

from fanfare_shared.campaigns.claims import claim, load_devices, lock_published
from fanfare_shared.campaigns.closing import close, release
from fanfare_shared.campaigns.journal import record

__all__ = ["claim", "close", "load_devices", "lock_published", "record", "release"]

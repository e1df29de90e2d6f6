"""The originals that are laid over others: fetched once, and kept while they are in use."""

from collections import OrderedDict

from fanfare_shared.errors import ObjectMissingError
from fanfare_shared.images.errors import WatermarkMissingError
from fanfare_shared.images.rows import WatermarkRow
from fanfare_shared.storage.port import Storage

_MOST_BYTES = 64 * 1024 * 1024


class WatermarkFiles:
    """For one process. The least recently used ones go where they take more than 64 MiB together."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, watermark: WatermarkRow) -> bytes:
        """Raises WatermarkMissingError, StorageUnavailableError."""
        if watermark.digest in self._kept:
            self._kept.move_to_end(watermark.digest)
            return self._kept[watermark.digest]
        if watermark.key is None:
            raise WatermarkMissingError(f"The original of the watermark's image {watermark.image_id} was dropped")
        try:
            data = self._storage.get(watermark.key)
        except ObjectMissingError as error:
            raise WatermarkMissingError(
                f"Storage has no original of the watermark's image {watermark.image_id}"
            ) from error
        self._keep(watermark.digest, data)
        return data

    def _keep(self, digest: bytes, data: bytes) -> None:
        self._kept[digest] = data
        self._bytes += len(data)
        while self._bytes > _MOST_BYTES:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped)

"""Quota without Redis: this process's share of it, in a bucket of its own."""

import time
from collections.abc import Callable

from fanfare_push_worker.quota.arithmetic import BucketShape, least_draw

# Rounding leaves a bucket a hair below a whole message at the very moment it was promised for.
_SHORTEST_WAIT_SECONDS = 0.001


class LocalBucket:
    """Starts empty, like the shared one. Not for several threads."""

    def __init__(self, shape: BucketShape, clock: Callable[[], float] = time.monotonic) -> None:
        self.shape = shape
        self._clock = clock
        self._tokens = 0.0
        self._at = clock()

    def draw(self, want: int, *, high: bool) -> tuple[int, float]:
        """How many may be sent now, and if none, the seconds after which to ask again."""
        now = self._clock()
        self._tokens = min(self.shape.capacity, self._tokens + (now - self._at) * self.shape.rate)
        self._at = now
        available = self._tokens - (0.0 if high else self.shape.reserve)
        least = least_draw(want, self.shape)
        if int(available) < least:
            return 0, max(_SHORTEST_WAIT_SECONDS, (least - available) / self.shape.rate)
        drawn = min(want, int(available))
        self._tokens -= drawn
        return drawn, 0.0

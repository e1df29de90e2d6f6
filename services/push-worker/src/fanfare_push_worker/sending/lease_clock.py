"""How long a claim still holds, on this process's monotonic clock: it began before the claim, so it errs early."""

import time

# A lease is renewed when this much of it is left, with the journal's next write.
_RENEW_BELOW = 2 / 3


class LeaseClock:
    """`began`: the monotonic moment before the statement that took the lease."""

    def __init__(self, began: float, seconds: float) -> None:
        self.seconds = seconds
        self._ends = began + seconds

    @property
    def left(self) -> float:
        return self._ends - time.monotonic()

    @property
    def has_lapsed(self) -> bool:
        return self.left <= 0

    @property
    def is_due_for_renewal(self) -> bool:
        return self.left < _RENEW_BELOW * self.seconds

    def renewed(self, began: float) -> None:
        self._ends = began + self.seconds

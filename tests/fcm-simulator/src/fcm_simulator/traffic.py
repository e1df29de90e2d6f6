"""One project's traffic: the quota over sliding 60 s windows, and a timeline to check it with."""

import math
from collections import deque

WINDOW_SECONDS = 60
"""FCM counts requests a minute: https://firebase.google.com/docs/cloud-messaging/throttling-and-quotas"""
_SLOTS_PER_SECOND = 100
_WINDOW_SLOTS = WINDOW_SECONDS * _SLOTS_PER_SECOND
BUCKET_MS = 100
_SLOTS_PER_BUCKET = BUCKET_MS * _SLOTS_PER_SECOND // 1000


class ProjectTraffic:
    """Admits or refuses requests. The window is exact to 10 ms, the timeline has buckets of 100 ms."""

    def __init__(self) -> None:
        self.admitted = 0
        self.refused = 0
        self.peak_window = 0
        self._slots: deque[list[int]] = deque()
        self._in_window = 0
        self._timeline: dict[int, list[int]] = {}

    def admit(self, now: float, limit: int | None) -> bool:
        """Counts a request at `now` (Unix seconds) as admitted, or as refused when the window is full."""
        slot = int(now * _SLOTS_PER_SECOND)
        slots = self._slots
        while slots and slots[0][0] <= slot - _WINDOW_SLOTS:
            self._in_window -= slots.popleft()[1]
        bucket = self._timeline.get(slot // _SLOTS_PER_BUCKET)
        if bucket is None:
            bucket = self._timeline[slot // _SLOTS_PER_BUCKET] = [0, 0]
        if limit is not None and self._in_window >= limit:
            self.refused += 1
            bucket[1] += 1
            return False
        if slots and slots[-1][0] == slot:
            slots[-1][1] += 1
        else:
            slots.append([slot, 1])
        self._in_window += 1
        self.peak_window = max(self.peak_window, self._in_window)
        self.admitted += 1
        bucket[0] += 1
        return True

    def seconds_until_room(self, now: float) -> int:
        """Whole seconds, at least 1, until the oldest request leaves the window."""
        if not self._slots:
            return WINDOW_SECONDS
        oldest = self._slots[0][0] / _SLOTS_PER_SECOND
        return max(1, math.ceil(oldest + WINDOW_SECONDS - now))

    def timeline(self) -> list[tuple[int, int, int]]:
        """Buckets of 100 ms with traffic: (start in Unix milliseconds, admitted, refused), oldest first."""
        return [(index * BUCKET_MS, admitted, refused) for index, (admitted, refused) in self._timeline.items()]

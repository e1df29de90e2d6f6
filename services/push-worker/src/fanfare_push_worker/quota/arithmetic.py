"""The bucket's numbers, the same in Redis and without it.

FCM counts the requests of any 60 s. Let a bucket of capacity B refill at r a second. A draw may be used for V = 1 s, and
what is used then may reach FCM later by a jitter J, say 0.4 s. The requests of a 60 s window were then drawn within
60 + V + J seconds, so there are at most B + 61.4 r of them. With r = 0.965 q / 60 and B = 0.012 q that is

    0.012 q + 61.4 * 0.965 / 60 q = 0.99952 q

within the quota q, while the mean can reach 96.5% of it. Below q = 84, B is 1 (nothing could be drawn otherwise): whole
messages are drawn, at most floor(1 + 0.98752 q), which is at most q as well.
"""

from dataclasses import dataclass

RATE_SHARE = 0.965
CAPACITY_SHARE = 0.012
VALID_SECONDS = 1.0
"""A draw is void after this: what it allowed must not be sent together with what comes later."""
HIGH_ONLY_SHARE = 0.25
"""The last part of the burst, kept for `high`, so that a bucket drained by others never makes it wait."""
CAMPAIGN_BURST_SECONDS = 0.1
"""A campaign's own rate per second is smoothed to a tenth of a second."""


@dataclass(frozen=True, slots=True)
class BucketShape:
    """`rate`: tokens a second; `capacity`: tokens at most; `reserve`: of those, for `high` only."""

    rate: float
    capacity: float
    reserve: float


def project_bucket(quota_per_minute: float) -> BucketShape:
    capacity = max(1.0, CAPACITY_SHARE * quota_per_minute)
    reserve = HIGH_ONLY_SHARE * capacity if capacity >= 1 / HIGH_ONLY_SHARE else 0.0
    return BucketShape(RATE_SHARE * quota_per_minute / 60, capacity, reserve)


def campaign_bucket(rate_per_second: float) -> BucketShape:
    return BucketShape(rate_per_second, max(1.0, CAMPAIGN_BURST_SECONDS * rate_per_second), 0.0)


def least_draw(want: int, *shapes: BucketShape) -> int:
    """Fewer than this are not handed out: waiting a moment for a fair chunk is cheaper than a journal write for a few."""
    return max(1, min(want, *(int(shape.capacity / 4) for shape in shapes)))

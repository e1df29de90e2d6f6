"""How many devices a batch and a window hold."""

# How long one batch may stand before another campaign's, and one project's batches on a queue before another's.
TURN_SECONDS = 5
# A window is one transaction: long enough to be cheap, short enough that campaigns planned at once take turns.
_WINDOW_DEVICES = 100_000
_WINDOW_BATCHES = 2_000
# Of a campaign's first window, planned within the second after `send`.
_FIRST_WINDOW_BATCHES = 4


def batch_size(most: int, quota_per_minute: int, rate_per_second: int | None) -> int:
    """Devices in a batch: `most`, or what the slower of quota and campaign rate sends in five seconds."""
    per_second = quota_per_minute / 60
    if rate_per_second is not None:
        per_second = min(per_second, rate_per_second)
    return max(1, min(most, int(per_second * TURN_SECONDS)))


def window_size(size: int, *, first: bool) -> int:
    """Devices in a window of batches of `size`: whole batches."""
    if first:
        return size * _FIRST_WINDOW_BATCHES
    return size * max(1, min(_WINDOW_BATCHES, _WINDOW_DEVICES // size))

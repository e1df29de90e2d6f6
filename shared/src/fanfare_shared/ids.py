"""Time-ordered ids (RFC 9562, UUID version 7), which the deliveries' partitions are cut by."""

import os
import secrets
import threading
import time
from datetime import UTC, datetime
from uuid import UUID

_TAIL_BITS = 74
_STEP_BITS = 32
_lock = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """Later calls of a process give larger ids, also within a millisecond: lists are ordered by them.

    RFC 9562's method of a monotonic random tail: it grows by a random step, so that two forked processes part.
    """
    global _last  # noqa: PLW0603 - one clock a process
    with _lock:
        fresh = time.time_ns() // 1_000_000 << _TAIL_BITS | secrets.randbits(_TAIL_BITS)
        _last = fresh if fresh > _last else _last + 1 + secrets.randbits(_STEP_BITS)
        return _compose(_last >> _TAIL_BITS, _last & ((1 << _TAIL_BITS) - 1))


def _new_lock() -> None:
    """A fork copies the lock as it is: held, where another thread was making an id."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_new_lock)


def first_uuid7_at(moment: datetime) -> UUID:
    """The smallest id of that moment: a partition's bound, not for use as an id."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def uuid7_time(value: UUID) -> datetime:
    return datetime.fromtimestamp((value.int >> 80) / 1000, tz=UTC)


def _compose(milliseconds: int, tail: int) -> UUID:
    random_a, random_b = tail >> 62, tail & ((1 << 62) - 1)
    return UUID(int=(milliseconds & ((1 << 48) - 1)) << 80 | 0x7 << 76 | random_a << 64 | 0b10 << 62 | random_b)

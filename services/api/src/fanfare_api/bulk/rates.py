"""How fast a job goes of late, from what this process has seen of it: a hint for people, not part of the account."""

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from uuid import UUID

# Long enough to smooth a batch's steps, short enough that a pause shows.
_WINDOW = timedelta(seconds=15)
_LEAST_SPAN = timedelta(seconds=1)
_LEAST_GAP = timedelta(milliseconds=250)
_MOST_JOBS = 1_000


class RecentRates:
    """A few samples of each job looked at lately; the jobs looked at longest ago are forgotten."""

    def __init__(self) -> None:
        self._samples: OrderedDict[UUID, deque[tuple[datetime, int]]] = OrderedDict()

    def observe(self, job_id: UUID, at: datetime, ended: int) -> float | None:
        """Outcomes a second over the last seconds; None where too little was seen of the job.

        `ended` is how many outcomes there are at the moment `at`.
        """
        samples = self._samples.setdefault(job_id, deque())
        self._samples.move_to_end(job_id)
        while len(self._samples) > _MOST_JOBS:
            self._samples.popitem(last=False)
        while samples and at - samples[0][0] > _WINDOW:
            samples.popleft()
        if not samples or at - samples[-1][0] >= _LEAST_GAP:
            samples.append((at, ended))
        first_at, first_ended = samples[0]
        return (ended - first_ended) / (at - first_at).total_seconds() if at - first_at >= _LEAST_SPAN else None

"""A claim on a batch, and what becomes of it."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(slots=True)
class Lease:
    """`writes` is the number of the last write under this lease known to have been committed; `epoch` fences off all others'."""

    batch_id: int
    job_id: UUID
    epoch: int
    writes: int

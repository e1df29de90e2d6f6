"""Publishing the hints of batches, and taking back what the broker did not take."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from fanfare_orchestrator.context import Context
from fanfare_shared.bulk.kind import Kind

NEXT_HINT_AT = "now() + least(30 * power(2, least(hints, 5)), 900) * interval '1 second'"
"""When the hint of a published batch is repeated: 30 s after the first, then twice as long each time, 15 min at most."""

_TAKE_BACK = """
UPDATE {batches} SET status = 'ready', hints = hints - 1, due_at = now() WHERE id = ANY(%s) AND status = 'published'
"""


class Published(NamedTuple):
    """A batch marked published, whose hint is to follow. `route` says on which queue."""

    batch_id: int
    job_id: UUID
    route: str


def publish(context: Context, kind: Kind, batches: Sequence[Published]) -> int:
    """Publishes the hints of batches marked published; what the broker does not take is ready again."""
    count = context.publisher.hint(kind.work_hint(*batch) for batch in batches)
    if count < len(batches):
        with context.ledger.statement() as connection:
            connection.execute(kind.sql(_TAKE_BACK), ([batch.batch_id for batch in batches[count:]],))
    return count

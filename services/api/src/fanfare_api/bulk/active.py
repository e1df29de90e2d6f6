"""Which jobs are under way, in the words of the index that finds them among all that ended."""

from sqlalchemy import ColumnElement, literal_column

from fanfare_shared.bulk.kind import Kind
from fanfare_shared.contracts.words import JobStatus

ACTIVE = (JobStatus.SCHEDULED, JobStatus.PROCESSING, JobStatus.PAUSED, JobStatus.CANCELLING)


def is_active(kind: Kind) -> ColumnElement[bool]:
    """As in the index `<jobs>_active`, which PostgreSQL only uses where it sees these very words."""
    return literal_column(f"{kind.jobs}.status IN ({', '.join(repr(status.value) for status in ACTIVE)})")

"""The deliveries' weekly partitions: made when planning meets a week that has none, dropped after retention.

A campaign's id carries its creation time, so a week's campaigns share a partition, and old accounts go by dropping one.
Only a table's owner may do either, so two functions of the migrations do it, which the orchestrator's role may call.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from fanfare_shared.db.connection import Connection
from fanfare_shared.ids import first_uuid7_at, uuid7_time

_WEEK = timedelta(weeks=1)
# ISO weeks begin on a Monday; this was one.
_A_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Partition:
    """The week from `start` (a Monday, 00:00 UTC) to `end`."""

    start: datetime

    @classmethod
    def holding(cls, moment: datetime) -> "Partition":
        return cls(_A_MONDAY + (moment - _A_MONDAY) // _WEEK * _WEEK)

    @classmethod
    def of_campaign(cls, campaign_id: UUID) -> "Partition":
        return cls.holding(uuid7_time(campaign_id))

    @property
    def end(self) -> datetime:
        return self.start + _WEEK

    @property
    def name(self) -> str:
        return f"deliveries_{self.start:%Y%m%d}"

    @property
    def bounds(self) -> tuple[UUID, UUID]:
        return first_uuid7_at(self.start), first_uuid7_at(self.end)


def ensure_partition(connection: Connection, partition: Partition) -> bool:
    """Makes the partition unless it is there; true if it was made. Safe from several planners at once.

    Call inside a transaction: until its end, nobody drops the partition.
    """
    connection.execute("SELECT pg_advisory_xact_lock_shared(hashtext(%s))", (f"keep {partition.name}",))
    if connection.execute("SELECT to_regclass(%s)", (partition.name,)).fetchone() != (None,):
        return False
    connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"make {partition.name}",))
    connection.execute("SELECT make_deliveries_partition(%s)", (partition.start.date(),))
    return True


def hold_partition(connection: Connection, partition: Partition) -> None:
    """Keeps `ensure_partition` of that week waiting until this transaction ends, for whoever decides to drop it."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"keep {partition.name}",))


def existing_partitions(connection: Connection) -> list[Partition]:
    rows = connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'deliveries'::regclass ORDER BY 1"
    ).fetchall()
    return [Partition(datetime.strptime(name.rsplit("_", 1)[1], "%Y%m%d").replace(tzinfo=UTC)) for (name,) in rows]


def drop_partition(connection: Connection, partition: Partition) -> None:
    connection.execute("SELECT drop_deliveries_partition(%s)", (partition.start.date(),))

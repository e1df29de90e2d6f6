"""Partitions are made ahead, and dropped once no campaign of their week needs them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from fanfare_orchestrator.schedule.partitions import drop_partitions, make_partitions
from fanfare_shared.db.connection import Ledger
from fanfare_shared.db.partitions import Partition, drop_partition, ensure_partition, existing_partitions
from fanfare_shared.ids import first_uuid7_at

LONG_AGO = Partition.holding(datetime(2025, 3, 12, tzinfo=UTC))


@pytest.fixture(autouse=True)
def no_partitions(office: Any) -> Iterator[None]:
    """Each test begins and ends without any."""
    _drop_all(office)
    yield
    _drop_all(office)


def _drop_all(office: Any) -> None:
    with office.context.ledger.transaction() as connection:
        for partition in existing_partitions(connection):
            drop_partition(connection, partition)


def existing(office: Any) -> list[Partition]:
    with office.context.ledger.transaction() as connection:
        return list(existing_partitions(connection))


def old_campaign(office: Any, number: int = 0, **columns: Any) -> UUID:
    """A campaign of that week with a delivery and a closed batch."""
    app_id = office.app()
    campaign_id = UUID(int=first_uuid7_at(LONG_AGO.start + timedelta(days=1)).int + number)
    with office.context.ledger.transaction() as connection:
        ensure_partition(connection, LONG_AGO)
    office.campaign(app_id, id=campaign_id, **{"status": "completed", **columns})
    office.execute(
        "INSERT INTO batches (campaign_id, app_id, priority, device_ids, size, status)"
        " VALUES (%s, %s, 'normal', '{1}', 1, 'closed')",
        campaign_id,
        app_id,
    )
    office.execute(
        "INSERT INTO deliveries (campaign_id, device_id, attempts, platform, status, user_id)"
        " VALUES (%s, 1, 1, 'ios', 'accepted', 'u')",
        campaign_id,
    )
    return campaign_id


def days_ago(days: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def test_this_week_and_the_next_four_have_partitions(office: Any, maintenance: Any) -> None:
    before = datetime.now(UTC)
    run = make_partitions(maintenance())
    after = datetime.now(UTC)
    assert len(run.result["made"]) == 5
    weeks = existing(office)
    assert weeks[0] in {Partition.holding(before), Partition.holding(after)}
    assert weeks[-1] == Partition.holding(weeks[0].start + timedelta(weeks=4))
    assert make_partitions(maintenance()).result == {"made": []}


def test_a_week_whose_campaigns_all_ended_before_the_retention_goes_with_its_batches(
    office: Any, maintenance: Any
) -> None:
    campaign_id = old_campaign(office, completed_at=days_ago(91), accepted=1)
    old_campaign(office, 1, completed_at=days_ago(200), status="failed")
    make_partitions(maintenance())
    run = drop_partitions(maintenance(retention_days=90))
    assert (run.result, run.problems) == ({"dropped": [LONG_AGO.name], "batches_deleted": 2}, [])
    assert LONG_AGO not in existing(office)
    assert len(existing(office)) == 5
    assert not office.batches(campaign_id)
    assert office.row("campaigns", campaign_id)["accepted"] == 1


@pytest.mark.parametrize(
    "columns",
    [
        {"status": "completed", "completed_at": days_ago(89)},
        {"status": "processing"},
        {"status": "paused"},
        {"status": "cancelling"},
    ],
)
def test_a_week_with_one_campaign_that_needs_it_stays_whole(
    office: Any, maintenance: Any, columns: dict[str, Any]
) -> None:
    old_campaign(office, completed_at=days_ago(200))
    kept = old_campaign(office, 1, **columns)
    run = drop_partitions(maintenance(retention_days=90))
    assert run.result == {"dropped": [], "batches_deleted": 0}
    assert LONG_AGO in existing(office)
    assert len(office.batches(kept)) == 1
    assert len(office.rows("SELECT * FROM deliveries")) == 2


def test_a_draft_of_an_old_week_does_not_keep_its_partition(office: Any, maintenance: Any) -> None:
    campaign_id = old_campaign(office, completed_at=days_ago(200))
    office.campaign(office.app(), id=UUID(int=campaign_id.int + 1), status="draft")
    assert drop_partitions(maintenance()).result["dropped"] == [LONG_AGO.name]


def test_a_week_that_a_planner_is_looking_at_is_not_dropped_until_it_has_looked(
    office: Any, maintenance: Any, other_ledger: Callable[[], Ledger]
) -> None:
    old_campaign(office, completed_at=days_ago(200))
    with other_ledger().transaction() as planner:
        assert not ensure_partition(planner, LONG_AGO)
        run = drop_partitions(maintenance())
        assert run.problems == [f"{LONG_AGO.name} was not dropped: the table was locked"]
        assert LONG_AGO in existing(office)
    assert drop_partitions(maintenance()).result["dropped"] == [LONG_AGO.name]
    with other_ledger().transaction() as planner:
        assert ensure_partition(planner, LONG_AGO)


def test_a_table_that_stays_locked_is_a_problem_and_not_a_wait(
    office: Any, maintenance: Any, other_ledger: Callable[[], Ledger]
) -> None:
    old_campaign(office, completed_at=days_ago(200))
    with other_ledger().transaction() as reader:
        reader.execute("SELECT FROM deliveries")
        run = drop_partitions(maintenance())
    assert run.problems == [f"{LONG_AGO.name} was not dropped: the table was locked"]
    assert LONG_AGO in existing(office)


def test_a_dry_run_says_which_weeks_would_be_made_and_dropped_and_changes_nothing(
    office: Any, maintenance: Any
) -> None:
    old_campaign(office, completed_at=days_ago(200))
    would_make = make_partitions(maintenance(dry_run=True)).result["made"]
    assert drop_partitions(maintenance(dry_run=True)).result == {"dropped": [LONG_AGO.name], "batches_deleted": 1}
    assert existing(office) == [LONG_AGO]
    assert len(office.rows("SELECT FROM batches")) == 1
    assert make_partitions(maintenance()).result["made"] == would_make
    assert make_partitions(maintenance(dry_run=True)).result == {"made": []}

"""Planning: every active device once, whatever happens on the way."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from fanfare_orchestrator.bulk.planning import plan_turn
from fanfare_orchestrator.campaigns.planning import plans, sizes
from fanfare_orchestrator.campaigns.planning.windows import plan_window
from fanfare_orchestrator.campaigns.steps import CAMPAIGN_STEPS
from fanfare_orchestrator.context import Context
from fanfare_shared.contracts.messages import PlanCampaign, SendBatch
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import Priority
from fanfare_shared.db.connection import Ledger

RANKS = [priority.value for priority in Priority]


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of three batches, so that a campaign takes several."""
    monkeypatch.setattr(sizes, "_WINDOW_BATCHES", 3)
    monkeypatch.setattr(sizes, "_FIRST_WINDOW_BATCHES", 2)


def plan_all(context: Context, campaign_id: UUID) -> int:
    """As the chain of hints does; how many windows."""
    windows = 0
    while True:
        window = plan_turn(context, CAMPAIGN_STEPS, campaign_id)
        assert window is not None
        windows += 1
        if window.last:
            return windows


def planned(office: Any, campaign_id: UUID) -> list[int]:
    return [device for batch in office.batches(campaign_id) for device in batch["device_ids"]]


def test_every_active_device_of_the_app_is_planned_once_in_the_order_of_ids(office: Any) -> None:
    app_id, other_app = office.app(), office.app()
    devices = office.devices(app_id, 105)
    office.devices(other_app, 20, "other")
    inactive = devices[7]
    office.execute("UPDATE devices SET is_active = false WHERE id = %s", inactive)
    campaign_id = office.campaign(app_id)
    assert plan_all(office.context, campaign_id) == 4
    assert planned(office, campaign_id) == [device for device in devices if device != inactive]
    plan = office.row("campaign_plans", campaign_id)
    assert (plan["total"], plan["batches"]) == (104, 11)
    assert [batch["size"] for batch in office.batches(campaign_id)] == [10] * 10 + [4]
    assert plan["planned_at"] is not None


def test_the_first_window_is_on_its_queue_before_the_rest_is_planned(office: Any, hints: Any) -> None:
    app_id = office.app()
    office.devices(app_id, 105)
    campaign_id = office.campaign(app_id, priority="high")
    plan_turn(office.context, CAMPAIGN_STEPS, campaign_id)
    assert len(hints.take(SendBatch, Queue.PUSH_HIGH)) == 2
    assert [hint.campaign_id for hint in hints.take(PlanCampaign, Queue.CAMPAIGNS)] == [campaign_id]
    assert office.row("campaign_plans", campaign_id)["planned_at"] is None


def test_devices_registered_after_the_start_are_not_of_the_audience(office: Any) -> None:
    app_id = office.app()
    devices = office.devices(app_id, 25)
    campaign_id = office.campaign(app_id)
    plan_turn(office.context, CAMPAIGN_STEPS, campaign_id)
    office.devices(app_id, 10, "late")
    plan_all(office.context, campaign_id)
    assert planned(office, campaign_id) == devices


def test_planning_that_was_killed_goes_on_from_the_cursor(office: Any, other_ledger: Callable[[], Ledger]) -> None:
    app_id = office.app()
    devices = office.devices(app_id, 100)
    campaign_id = office.campaign(app_id)
    plan_turn(office.context, CAMPAIGN_STEPS, campaign_id)
    killed = other_ledger()

    def plan_and_die() -> None:
        with killed.transaction() as connection:
            plan = plans.take_plan(connection, campaign_id, RANKS)
            assert plan is not None
            plan_window(connection, plan, 10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plan_and_die()
    plan_all(office.context, campaign_id)
    assert planned(office, campaign_id) == devices


def test_two_planners_at_once_plan_nobody_twice(office: Any, other_ledger: Callable[[], Ledger]) -> None:
    app_id = office.app()
    devices = office.devices(app_id, 500)
    campaign_id = office.campaign(app_id)
    context = office.context

    def plan_until_planned(one: Context) -> None:
        while office_plan_is_open(one, campaign_id):
            plan_turn(one, CAMPAIGN_STEPS, campaign_id)

    others = [Context(other_ledger(), context.publisher, context.settings) for _ in range(3)]
    threads = [threading.Thread(target=plan_until_planned, args=(other,)) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert planned(office, campaign_id) == devices
    assert office.row("campaign_plans", campaign_id)["total"] == 500


def office_plan_is_open(context: Context, campaign_id: UUID) -> bool:
    with context.ledger.statement() as connection:
        row = connection.execute(
            "SELECT planned_at FROM campaign_plans WHERE campaign_id = %s", (campaign_id,)
        ).fetchone()
    return row is None or row[0] is None


def test_a_plan_that_another_planner_has_is_left_to_it(office: Any, other_ledger: Callable[[], Ledger]) -> None:
    app_id = office.app()
    office.devices(app_id, 50)
    campaign_id = office.campaign(app_id)
    plan_turn(office.context, CAMPAIGN_STEPS, campaign_id)
    with other_ledger().transaction() as connection:
        assert plans.take_plan(connection, campaign_id, RANKS) is not None
        assert plan_turn(office.context, CAMPAIGN_STEPS, campaign_id) is None


@pytest.mark.parametrize("status", ["paused", "cancelling", "cancelled", "scheduled"])
def test_only_a_processing_campaign_is_planned(office: Any, status: str) -> None:
    app_id = office.app()
    office.devices(app_id, 50)
    campaign_id = office.campaign(app_id, status=status)
    assert plan_turn(office.context, CAMPAIGN_STEPS, campaign_id) is None
    assert office.batches(campaign_id) == []


def test_a_pause_between_windows_stops_planning_and_resuming_goes_on(office: Any) -> None:
    app_id = office.app()
    devices = office.devices(app_id, 50)
    campaign_id = office.campaign(app_id)
    plan_turn(office.context, CAMPAIGN_STEPS, campaign_id)
    office.execute("UPDATE campaigns SET status = 'paused'")
    assert plan_turn(office.context, CAMPAIGN_STEPS, campaign_id) is None
    office.execute("UPDATE campaigns SET status = 'processing'")
    plan_all(office.context, campaign_id)
    assert planned(office, campaign_id) == devices


def test_user_ids_become_their_active_devices_and_the_unmatched_are_reported(office: Any) -> None:
    app_id = office.app()
    devices = office.devices(app_id, 30)
    more = office.rows(
        "INSERT INTO devices (app_id, user_id, token, token_digest, platform)"
        " VALUES (%s, 'user-3', 'x', 'x', 'ios') RETURNING id",
        app_id,
    )
    office.execute("UPDATE devices SET is_active = false WHERE user_id = 'user-5'")
    office.devices(office.app(), 3, "elsewhere")
    wanted = ["user-3", "user-3", "user-5", "user-9", "nobody", "elsewhere-1"]
    campaign_id = office.campaign(app_id, target=Jsonb({"user_ids": wanted}))
    plan_all(office.context, campaign_id)
    assert planned(office, campaign_id) == [devices[2], devices[8], more[0]["id"]]
    plan = office.row("campaign_plans", campaign_id)
    assert plan["unmatched"] == {"count": 3, "first": ["elsewhere-1", "nobody", "user-5"]}


def test_of_the_unmatched_the_first_hundred_are_named(office: Any) -> None:
    wanted = [f"nobody-{number:04}" for number in range(250)]
    campaign_id = office.campaign(office.app(), target=Jsonb({"user_ids": wanted}))
    plan_turn(office.context, CAMPAIGN_STEPS, campaign_id)
    assert office.row("campaign_plans", campaign_id)["unmatched"] == {"count": 250, "first": wanted[:100]}


def test_an_audience_of_everybody_has_no_unmatched(office: Any) -> None:
    campaign_id = office.campaign(office.app())
    plan_turn(office.context, CAMPAIGN_STEPS, campaign_id)
    assert office.row("campaign_plans", campaign_id)["unmatched"] is None


def test_a_higher_priority_has_every_turn_until_it_is_planned(office: Any, hints: Any) -> None:
    app_id = office.app()
    office.devices(app_id, 100)
    low, high = office.campaign(app_id, priority="low"), office.campaign(app_id, priority="high")
    plan_turn(office.context, CAMPAIGN_STEPS, low)
    plan_turn(office.context, CAMPAIGN_STEPS, high)
    hints.take(PlanCampaign, Queue.CAMPAIGNS)
    before = len(planned(office, low))
    plan_turn(office.context, CAMPAIGN_STEPS, low)
    assert len(planned(office, low)) == before
    assert len(planned(office, high)) == 50
    assert [hint.campaign_id for hint in hints.take(PlanCampaign, Queue.CAMPAIGNS)] == [low]
    plan_turn(office.context, CAMPAIGN_STEPS, low)
    plan_turn(office.context, CAMPAIGN_STEPS, low)
    assert len(planned(office, high)) == 100
    plan_all(office.context, low)
    assert len(planned(office, low)) == 100


def test_campaigns_of_one_priority_take_turns(office: Any, hints: Any) -> None:
    app_id = office.app()
    office.devices(app_id, 100)
    campaigns = [office.campaign(app_id), office.campaign(app_id)]
    queue = list(campaigns)
    for _ in range(4):
        plan_turn(office.context, CAMPAIGN_STEPS, queue.pop(0))
        queue += [hint.campaign_id for hint in hints.take(PlanCampaign, Queue.CAMPAIGNS)]
    assert [len(planned(office, campaign_id)) for campaign_id in campaigns] == [50, 50]


def test_a_campaign_of_another_week_gets_its_partition(office: Any) -> None:
    app_id = office.app()
    office.devices(app_id, 5)
    old = UUID("01700000-0000-7000-8000-000000000000")
    campaign_id = office.campaign(app_id, id=old)
    plan_turn(office.context, CAMPAIGN_STEPS, campaign_id)
    assert office.execute(
        "INSERT INTO deliveries (campaign_id, device_id, attempts, platform, status, user_id)"
        " VALUES (%s, 1, 1, 'ios', 'accepted', 'u')",
        old,
    )


def test_a_slow_campaign_is_cut_into_small_batches(office: Any) -> None:
    app_id = office.app()
    office.devices(app_id, 12)
    campaign_id = office.campaign(app_id, rate_per_second=1)
    plan_all(office.context, campaign_id)
    assert [batch["size"] for batch in office.batches(campaign_id)] == [5, 5, 2]


def test_a_hint_of_a_campaign_that_is_gone_changes_nothing(office: Any) -> None:
    before = office.rows("SELECT inhrelid FROM pg_inherits")
    assert plan_turn(office.context, CAMPAIGN_STEPS, UUID("01000000-0000-7000-8000-000000000000")) is None
    assert office.rows("SELECT inhrelid FROM pg_inherits") == before
    assert office.rows("SELECT FROM campaign_plans") == []

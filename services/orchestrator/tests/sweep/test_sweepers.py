"""What each sweeper does with what is due, and leaves what is not."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from fanfare_orchestrator.bulk.planning import plan_turn
from fanfare_orchestrator.campaigns.steps import CAMPAIGN_STEPS
from fanfare_orchestrator.context import Context
from fanfare_orchestrator.sweep.batches import sweep_overdue_batches
from fanfare_orchestrator.sweep.due import sweep_due
from fanfare_orchestrator.sweep.gauges import measure, measure_apps
from fanfare_orchestrator.sweep.ready import sweep_ready_batches
from fanfare_orchestrator.sweep.scheduled import sweep_scheduled
from fanfare_orchestrator.sweep.tasks import sweep_due_notifications, sweep_due_probes
from fanfare_shared import metrics
from fanfare_shared.campaigns.batches import claim
from fanfare_shared.contracts.messages import PlanCampaign, RunProbe, SendBatch, SendNotification
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.db.connection import Ledger
from fanfare_shared.ids import uuid7

from prometheus_client import Gauge  # isort: skip # after fanfare_shared.metrics

PAST = "now() - interval '1 second'"


def planned(office: Any, hints: Any, devices: int = 3, **campaign: Any) -> UUID:
    """A campaign with one batch on its queue, whose hint was lost."""
    app_id = office.app()
    office.devices(app_id, devices)
    campaign_id: UUID = office.campaign(app_id, **campaign)
    plan_turn(office.context, CAMPAIGN_STEPS, campaign_id)
    hints.take(SendBatch, Queue.PUSH_NORMAL)
    return campaign_id


def batch_statuses(office: Any) -> list[str]:
    return [row["status"] for row in office.rows("SELECT status FROM batches ORDER BY id")]


def test_a_scheduled_campaign_starts_at_its_moment(office: Any, hints: Any) -> None:
    app_id = office.app()
    due, later = (office.campaign(app_id, status="scheduled", ttl_seconds=60) for _ in range(2))
    office.execute("UPDATE campaigns SET due_at = now() + interval '1 hour'")
    office.execute(f"UPDATE campaigns SET due_at = {PAST} WHERE id = %s", due)
    sweep_scheduled(office.context, CAMPAIGN_STEPS)
    started = office.row("campaigns", due)
    assert started["status"] == "processing"
    assert (started["expires_at"] - started["started_at"]).total_seconds() == 60
    assert office.row("campaigns", later)["status"] == "scheduled"
    assert [hint.campaign_id for hint in hints.take(PlanCampaign, Queue.CAMPAIGNS)] == [due]


def test_a_campaign_whose_planning_hint_was_lost_is_planned(office: Any, hints: Any) -> None:
    app_id = office.app()
    office.devices(app_id, 60)
    campaign_id = office.campaign(app_id)
    office.execute(f"UPDATE campaigns SET due_at = {PAST}")
    sweep_due(office.context, CAMPAIGN_STEPS)
    assert len(hints.take(SendBatch, Queue.PUSH_NORMAL)) == 4
    assert [hint.campaign_id for hint in hints.take(PlanCampaign, Queue.CAMPAIGNS)] == [campaign_id]
    office.execute(f"UPDATE campaigns SET due_at = {PAST}")
    sweep_due(office.context, CAMPAIGN_STEPS)
    assert office.row("campaign_plans", campaign_id)["total"] == 60
    assert hints.take(PlanCampaign, Queue.CAMPAIGNS) == []


def test_a_campaign_whose_last_hint_was_lost_is_completed(office: Any, hints: Any) -> None:
    campaign_id = office.campaign(office.app())
    office.execute(f"UPDATE campaigns SET due_at = {PAST}")
    office.execute("INSERT INTO campaign_plans (campaign_id, ceiling, planned_at) VALUES (%s, 0, now())", campaign_id)
    sweep_due(office.context, CAMPAIGN_STEPS)
    assert office.row("campaigns", campaign_id)["status"] == "completed"
    assert hints.take(PlanCampaign, Queue.CAMPAIGNS) == []


@pytest.mark.parametrize("status", ["processing", "paused"])
def test_a_campaign_is_drained_at_its_expiry(office: Any, hints: Any, status: str) -> None:
    campaign_id = planned(office, hints)
    office.execute(f"UPDATE campaigns SET status = %s, expires_at = {PAST}, due_at = {PAST}", status)
    sweep_due(office.context, CAMPAIGN_STEPS)
    campaign = office.row("campaigns", campaign_id)
    assert (campaign["status"], campaign["expired"]) == ("completed", 3)


def test_a_cancelling_campaign_is_looked_at_every_second_until_it_has_drained(office: Any, hints: Any) -> None:
    campaign_id = planned(office, hints)
    with office.context.ledger.transaction() as connection:
        claim(connection, office.batches(campaign_id)[0]["id"], "worker", 30)
    office.execute(f"UPDATE campaigns SET status = 'cancelling', due_at = {PAST}")
    before = office.now()
    sweep_due(office.context, CAMPAIGN_STEPS)
    (look,) = office.rows("SELECT due_at FROM campaigns")
    assert before < look["due_at"] <= office.now() + timedelta(seconds=1)


def test_a_campaign_under_way_is_looked_at_again_before_and_at_its_expiry(office: Any, hints: Any) -> None:
    planned(office, hints)
    office.execute(f"UPDATE campaigns SET due_at = {PAST}, expires_at = now() + interval '1 hour'")
    before = office.now()
    sweep_due(office.context, CAMPAIGN_STEPS)
    (look,) = office.rows("SELECT due_at FROM campaigns")
    assert before + timedelta(seconds=25) < look["due_at"] <= office.now() + timedelta(seconds=30)
    office.execute(f"UPDATE campaigns SET due_at = {PAST}, expires_at = now() + interval '20 seconds'")
    sweep_due(office.context, CAMPAIGN_STEPS)
    assert office.rows("SELECT FROM campaigns WHERE due_at = expires_at")


def test_the_hint_of_a_published_batch_is_repeated_at_growing_intervals(office: Any, hints: Any) -> None:
    campaign_id = planned(office, hints)
    for seconds in (60, 120, 240, 480, 900, 900):
        sweep_overdue_batches(office.context, CAMPAIGN_STEPS)
        assert hints.take(SendBatch, Queue.PUSH_NORMAL) == []
        office.execute(f"UPDATE batches SET due_at = {PAST}")
        before = office.now()
        sweep_overdue_batches(office.context, CAMPAIGN_STEPS)
        assert [hint.campaign_id for hint in hints.take(SendBatch, Queue.PUSH_NORMAL)] == [campaign_id]
        (batch,) = office.rows("SELECT due_at FROM batches")
        assert before <= batch["due_at"] - timedelta(seconds=seconds) <= office.now()


def test_a_batch_whose_lease_ended_is_published_again_and_its_claim_was_lost(office: Any, hints: Any) -> None:
    campaign_id = planned(office, hints)
    batch_id = office.batches(campaign_id)[0]["id"]
    with office.context.ledger.transaction() as connection:
        claim(connection, batch_id, "worker", 30)
    sweep_overdue_batches(office.context, CAMPAIGN_STEPS)
    assert batch_statuses(office) == ["leased"]
    office.execute(f"UPDATE batches SET due_at = {PAST}")
    sweep_overdue_batches(office.context, CAMPAIGN_STEPS)
    assert batch_statuses(office) == ["published"]
    assert [hint.batch_id for hint in hints.take(SendBatch, Queue.PUSH_NORMAL)] == [batch_id]
    with office.context.ledger.transaction() as connection:
        claimed = claim(connection, batch_id, "other", 30)
    assert claimed is not None
    assert claimed.lost_claims == 1


@pytest.mark.parametrize(
    "obstacle",
    [
        "UPDATE campaigns SET status = 'paused'",
        f"UPDATE campaigns SET expires_at = {PAST}",
        "UPDATE apps SET paused_until = now() + interval '1 minute'",
    ],
)
def test_a_published_batch_that_may_not_be_sent_is_ready_again(office: Any, hints: Any, obstacle: str) -> None:
    planned(office, hints)
    office.execute(f"UPDATE batches SET due_at = {PAST}")
    office.execute(obstacle)
    sweep_overdue_batches(office.context, CAMPAIGN_STEPS)
    assert batch_statuses(office) == ["ready"]
    assert hints.take(SendBatch, Queue.PUSH_NORMAL) == []


def test_a_ready_batch_that_is_due_is_dispatched(office: Any, hints: Any) -> None:
    planned(office, hints)
    office.execute("UPDATE batches SET status = 'ready', due_at = now() + interval '1 minute'")
    sweep_ready_batches(office.context, CAMPAIGN_STEPS)
    assert batch_statuses(office) == ["ready"]
    office.execute(f"UPDATE batches SET due_at = {PAST}")
    sweep_ready_batches(office.context, CAMPAIGN_STEPS)
    assert batch_statuses(office) == ["published"]
    assert len(hints.take(SendBatch, Queue.PUSH_NORMAL)) == 1


def test_a_probe_that_is_due_is_hinted_and_one_whose_lease_ended_may_be_claimed(office: Any, hints: Any) -> None:
    app_id = office.app()
    pending, lost, later, done = (uuid7() for _ in range(4))
    for probe_id, status, due in (
        (pending, "PENDING", PAST),
        (lost, "STARTED", PAST),
        (later, "RETRY", "now() + interval '1 minute'"),
        (done, "SUCCESS", "NULL"),
    ):
        office.execute(
            f"INSERT INTO probes (id, kind, app_id, status, due_at) VALUES (%s, 'app_check', %s, %s, {due})",
            probe_id,
            app_id,
            status,
        )
    sweep_due_probes(office.context)
    assert {hint.probe_id for hint in hints.take(RunProbe, Queue.PUSH_HIGH)} == {pending, lost}
    assert office.row("probes", lost)["status"] == "RETRY"
    assert office.row("probes", pending)["status"] == "PENDING"
    sweep_due_probes(office.context)
    assert hints.take(RunProbe, Queue.PUSH_HIGH) == []


def test_a_notification_that_is_due_is_hinted(office: Any, hints: Any) -> None:
    app_id = office.app()
    campaign_id, notification_id = office.campaign(app_id), uuid7()
    office.execute(
        "INSERT INTO notifications (id, campaign_id, app_id, kind, event, target, payload, due_at)"
        f" VALUES (%s, %s, %s, 'webhook', 'campaign.completed', 'x', '{{}}', {PAST})",
        notification_id,
        campaign_id,
        app_id,
    )
    sweep_due_notifications(office.context)
    sweep_due_notifications(office.context)
    assert [hint.notification_id for hint in hints.take(SendNotification, Queue.NOTIFICATIONS)] == [notification_id]


def test_the_gauges_are_counted_from_the_ledger(office: Any, hints: Any) -> None:
    campaign_id = planned(office, hints)
    office.campaign(office.app(), status="draft")
    office.execute("UPDATE campaigns SET started_at = now() - interval '90 minutes' WHERE id = %s", campaign_id)
    office.execute("UPDATE batches SET created_at = now() - interval '60 minutes'")
    measure(office.context, CAMPAIGN_STEPS)
    assert metrics.campaigns.labels("processing")._value.get() == 1
    assert metrics.campaigns.labels("draft")._value.get() == 1
    assert metrics.campaigns.labels("failed")._value.get() == 0
    assert metrics.campaign_oldest_pending._value.get() == pytest.approx(3_600, abs=200)
    office.execute("UPDATE batches SET status = 'closed'")
    measure(office.context, CAMPAIGN_STEPS)
    assert metrics.campaign_oldest_pending._value.get() == 0


def stall_of(office: Any) -> float:
    measure(office.context, CAMPAIGN_STEPS)
    return float(metrics.campaign_longest_stall._value.get())


def test_a_campaign_that_closes_no_batch_stalls(office: Any, hints: Any) -> None:
    campaign_id = planned(office, hints)
    hour = "now() - interval '1 hour'"
    office.execute(f"UPDATE campaigns SET started_at = {hour}, updated_at = {hour}")
    assert stall_of(office) == pytest.approx(3_600, abs=200)
    office.execute("UPDATE campaigns SET updated_at = now() WHERE id = %s", campaign_id)
    assert stall_of(office) == pytest.approx(0, abs=200)


@pytest.mark.parametrize(
    "excuse",
    [
        "UPDATE batches SET status = 'ready', due_at = now() + interval '1 minute'",
        "UPDATE apps SET paused_until = now() + interval '1 minute'",
        "UPDATE campaigns SET status = 'paused'",
        "UPDATE batches SET status = 'closed'",
    ],
    ids=["its batches are due later", "the breaker is open", "it is paused", "it has no batch left"],
)
def test_a_campaign_that_waits_as_it_should_does_not_stall(office: Any, hints: Any, excuse: str) -> None:
    planned(office, hints)
    hour = "now() - interval '1 hour'"
    office.execute(f"UPDATE campaigns SET started_at = {hour}, updated_at = {hour}")
    office.execute(excuse)
    assert stall_of(office) == 0


def test_a_campaign_behind_one_of_a_higher_priority_does_not_stall(office: Any, hints: Any) -> None:
    app_id = office.app()
    office.devices(app_id, 40)
    low, high = office.campaign(app_id, priority="low"), office.campaign(app_id, priority="high")
    for campaign_id in (low, high):
        plan_turn(office.context, CAMPAIGN_STEPS, campaign_id)
    hour = "now() - interval '1 hour'"
    office.execute(f"UPDATE campaigns SET started_at = {hour}, updated_at = {hour} WHERE id = %s", low)
    assert stall_of(office) == pytest.approx(0, abs=200)
    office.execute("UPDATE batches SET status = 'closed' WHERE campaign_id = %s", high)
    assert stall_of(office) == pytest.approx(3_600, abs=200)


def gauged(gauge: Gauge) -> dict[tuple[str, ...], float]:
    """What is not 0, by its labels."""
    samples = (sample for family in gauge.collect() for sample in family.samples)
    return {tuple(sample.labels.values()): sample.value for sample in samples if sample.value}


def test_paused_campaigns_are_counted_by_their_reason_until_they_go_on(office: Any) -> None:
    campaign_id = office.campaign(office.app(), status="paused")
    office.execute("UPDATE campaigns SET pause_reason = 'LEDGER_IMBALANCE' WHERE id = %s", campaign_id)
    measure(office.context, CAMPAIGN_STEPS)
    assert gauged(metrics.campaigns_paused) == {("LEDGER_IMBALANCE",): 1}
    office.execute("UPDATE campaigns SET status = 'processing', pause_reason = NULL")
    measure(office.context, CAMPAIGN_STEPS)
    assert gauged(metrics.campaigns_paused) == {}


def test_an_apps_pause_is_gauged_by_its_reason_until_it_is_over(office: Any) -> None:
    app_id = office.app(quota_per_minute=700)
    measure_apps(office.context)
    assert gauged(metrics.app_pause) == {}
    assert gauged(metrics.app_quota)[str(app_id),] == 700
    office.execute("UPDATE apps SET paused_until = now() + interval '1 hour', pause_reason = 'QUOTA_EXCEEDED'")
    measure_apps(office.context)
    assert gauged(metrics.app_pause) == {(str(app_id), "QUOTA_EXCEEDED"): pytest.approx(3_600, abs=200)}
    office.execute("UPDATE apps SET paused_until = now() - interval '1 second'")
    measure_apps(office.context)
    assert gauged(metrics.app_pause) == {}


def test_several_sweeps_at_once_hint_each_row_once(office: Any, hints: Any, other_ledger: Callable[[], Ledger]) -> None:
    app_id = office.app()
    office.devices(app_id, 40)
    campaign_id = office.campaign(app_id)
    plan_turn(office.context, CAMPAIGN_STEPS, campaign_id)
    hints.take(SendBatch, Queue.PUSH_NORMAL)
    office.execute(f"UPDATE batches SET due_at = {PAST}")
    contexts = [Context(other_ledger(), office.context.publisher, office.context.settings) for _ in range(4)]
    threads = [threading.Thread(target=sweep_overdue_batches, args=(context, CAMPAIGN_STEPS)) for context in contexts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    hinted = [hint.batch_id for hint in hints.take(SendBatch, Queue.PUSH_NORMAL)]
    assert sorted(hinted) == [batch["id"] for batch in office.batches(campaign_id)]

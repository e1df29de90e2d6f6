"""The whole way: planned, dispatched, its batches closed, completed."""

from typing import Any

from fanfare_orchestrator.bulk.planning import plan_turn
from fanfare_orchestrator.bulk.settle import settle
from fanfare_orchestrator.campaigns.steps import CAMPAIGN_STEPS
from fanfare_shared.campaigns.answers import Answers
from fanfare_shared.campaigns.batches import claim, close, record
from fanfare_shared.contracts.messages import SendBatch
from fanfare_shared.contracts.queues import Queue


def send(office: Any, batch_id: int) -> None:
    """What a push-worker does with a batch that FCM accepts whole."""
    with office.context.ledger.transaction() as connection:
        claimed = claim(connection, batch_id, "worker", 30)
        assert claimed is not None
        record(connection, claimed.lease, Answers(), claimed.size, 30)
        answers = Answers()
        for device_id in claimed.device_ids:
            answers.accept(device_id, "user", "android", "message")
        close(connection, claimed.lease, answers)


def test_a_campaign_is_planned_dispatched_sent_and_completed(office: Any, hints: Any) -> None:
    app_id = office.app()
    devices = office.devices(app_id, 25)
    campaign_id = office.campaign(app_id, webhook_url="https://example.com/hook")
    window = plan_turn(office.context, CAMPAIGN_STEPS, campaign_id)
    assert window is not None
    assert (window.batches, window.items, window.last) == (3, 25, True)
    published = hints.take(SendBatch, Queue.PUSH_NORMAL)
    assert [hint.batch_id for hint in published] == [batch["id"] for batch in office.batches(campaign_id)]
    for hint in published:
        assert settle(office.context, CAMPAIGN_STEPS, campaign_id) is None
        send(office, hint.batch_id)
    assert settle(office.context, CAMPAIGN_STEPS, campaign_id) == "completed"
    campaign = office.row("campaigns", campaign_id)
    assert (campaign["status"], campaign["accepted"], campaign["settled"]) == ("completed", 25, 25)
    assert campaign["completed_at"] is not None
    assert campaign["due_at"] is None
    assert [d["device_id"] for d in office.rows("SELECT device_id FROM deliveries ORDER BY 1")] == devices
    (notification,) = office.rows("SELECT event, due_at FROM notifications")
    assert notification["event"] == "campaign.completed"
    assert notification["due_at"] is not None
    assert settle(office.context, CAMPAIGN_STEPS, campaign_id) is None


def test_a_campaign_that_nobody_matches_is_completed_with_a_total_of_0(office: Any) -> None:
    campaign_id = office.campaign(office.app())
    plan_turn(office.context, CAMPAIGN_STEPS, campaign_id)
    assert office.row("campaigns", campaign_id)["status"] == "completed"
    plan = office.row("campaign_plans", campaign_id)
    assert (plan["total"], plan["batches"]) == (0, 0)
    assert plan["planned_at"] is not None

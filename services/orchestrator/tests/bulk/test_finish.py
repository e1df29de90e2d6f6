"""The end of a campaign: at the right moment, once, and only with an account that adds up."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from fanfare_orchestrator.bulk.finish import finish
from fanfare_orchestrator.bulk.planning import plan_turn
from fanfare_orchestrator.bulk.settle import settle
from fanfare_orchestrator.campaigns.drain import drain
from fanfare_orchestrator.campaigns.planning import plans
from fanfare_orchestrator.campaigns.planning.windows import plan_window
from fanfare_orchestrator.campaigns.steps import CAMPAIGN_STEPS
from fanfare_orchestrator.context import Context
from fanfare_shared.campaigns.answers import Answers
from fanfare_shared.campaigns.batches import claim, close, record
from fanfare_shared.campaigns.retries import RetryKind
from fanfare_shared.contracts.messages import SettleCampaign
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import JobStatus, Outcome, Priority
from fanfare_shared.db.connection import Connection, Ledger
from fanfare_shared.testing.polling import wait_until

RANKS = [priority.value for priority in Priority]


def planned(office: Any, devices: int = 3, **campaign: Any) -> UUID:
    app_id = office.app()
    office.devices(app_id, devices)
    campaign_id: UUID = office.campaign(app_id, **campaign)
    plan_turn(office.context, CAMPAIGN_STEPS, campaign_id)
    return campaign_id


def send_all(connection: Connection, batch_id: int, invalid: int = 0, retried: int = 0) -> None:
    """A worker's whole work: the first `invalid` devices have dead tokens, the last `retried` get a follow-up."""
    claimed = claim(connection, batch_id, "worker", 30)
    assert claimed is not None
    record(connection, claimed.lease, Answers(), claimed.size, 30)
    answers = Answers()
    for position, device_id in enumerate(claimed.device_ids):
        if position < invalid:
            answers.settle(device_id, "u", "ios", Outcome.INVALID_TOKEN, "UNREGISTERED", "", digest=b"x", started=0.0)
        elif position >= claimed.size - retried:
            answers.retry(position, RetryKind.COUNTED)
        else:
            answers.accept(device_id, "u", "ios", "m")
    close(connection, claimed.lease, answers)


def send_batches(office: Any, campaign_id: UUID, invalid: int = 0) -> None:
    for batch in office.batches(campaign_id):
        with office.context.ledger.transaction() as connection:
            send_all(connection, batch["id"], invalid)


def finish_now(office: Any, campaign_id: UUID) -> JobStatus | None:
    with office.context.ledger.transaction() as connection:
        return finish(connection, CAMPAIGN_STEPS, campaign_id)


def finish_beside(context: Context, campaign_id: UUID, ledger: Ledger, results: list[Any]) -> threading.Thread:
    """`finish` in another session, begun and waiting for a lock when this returns."""

    def run() -> None:
        with ledger.transaction() as connection:
            results.append(finish(connection, CAMPAIGN_STEPS, campaign_id))

    def waits() -> bool:
        with context.ledger.statement() as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'test-other'"
            ).fetchone()
        return row is not None and row[0] > 0

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(waits, "finish waits for the lock")
    return thread


def test_an_open_batch_keeps_the_campaign_open(office: Any) -> None:
    campaign_id = planned(office)
    assert finish_now(office, campaign_id) is None
    send_batches(office, campaign_id)
    assert finish_now(office, campaign_id) == JobStatus.COMPLETED


def test_a_campaign_that_is_not_planned_yet_is_not_completed(office: Any) -> None:
    campaign_id = planned(office)
    send_batches(office, campaign_id)
    office.execute("UPDATE campaign_plans SET planned_at = NULL")
    assert finish_now(office, campaign_id) is None


def test_a_final_campaign_is_not_ended_again(office: Any) -> None:
    campaign_id = planned(office, webhook_url="https://example.com/")
    send_batches(office, campaign_id)
    assert finish_now(office, campaign_id) == JobStatus.COMPLETED
    assert finish_now(office, campaign_id) is None
    assert len(office.rows("SELECT FROM notifications")) == 1


def test_a_follow_up_made_while_finish_waits_is_not_missed(office: Any, other_ledger: Callable[[], Ledger]) -> None:
    campaign_id = planned(office)
    results: list[Any] = []
    worker = other_ledger()
    with worker.transaction() as connection:
        connection.execute("SET LOCAL application_name = 'test-worker'")
        send_all(connection, office.batches(campaign_id)[0]["id"], retried=1)
        thread = finish_beside(office.context, campaign_id, other_ledger(), results)
    thread.join()
    assert results == [None]
    assert office.row("campaigns", campaign_id)["status"] == "processing"


def test_a_window_planned_while_finish_waits_is_not_missed(office: Any, other_ledger: Callable[[], Ledger]) -> None:
    campaign_id = planned(office, devices=60)
    office.execute("UPDATE campaigns SET status = 'cancelling', final_status = 'cancelled'")
    with office.context.ledger.transaction() as connection:
        drain(connection, campaign_id, Outcome.CANCELLED)
    office.execute("UPDATE campaigns SET status = 'processing'")
    results: list[Any] = []
    planner = other_ledger()
    with planner.transaction() as connection:
        connection.execute("SET LOCAL application_name = 'test-planner'")
        plan = plans.take_plan(connection, campaign_id, RANKS)
        assert plan is not None
        plan_window(connection, plan, 10)
        office.execute("UPDATE campaigns SET status = 'cancelling'")
        thread = finish_beside(office.context, campaign_id, other_ledger(), results)
    thread.join()
    assert results == [None]
    assert office.row("campaigns", campaign_id)["status"] == "cancelling"
    assert settle(office.context, CAMPAIGN_STEPS, campaign_id) == JobStatus.CANCELLED
    campaign = office.row("campaigns", campaign_id)
    assert (campaign["cancelled"], campaign["settled"]) == (60, 60)


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM deliveries WHERE device_id = (SELECT max(device_id) FROM deliveries)",
        "UPDATE deliveries SET status = 'failed' WHERE device_id = (SELECT max(device_id) FROM deliveries)",
        "UPDATE campaigns SET accepted = accepted - 1",
        "UPDATE campaigns SET settled = settled - 1",
        "UPDATE campaign_plans SET total = total + 1",
    ],
)
@pytest.mark.parametrize("status", ["processing", "cancelling"])
def test_an_account_that_does_not_add_up_pauses_the_campaign(office: Any, damage: str, status: str) -> None:
    campaign_id = planned(office, notify_email="ops@example.com")
    send_batches(office, campaign_id)
    office.execute(damage)
    office.execute("UPDATE campaigns SET status = %s", status)
    assert finish_now(office, campaign_id) is None
    campaign = office.row("campaigns", campaign_id)
    assert (campaign["status"], campaign["pause_reason"]) == ("paused", "LEDGER_IMBALANCE")
    assert campaign["completed_at"] is None
    assert [row["event"] for row in office.rows("SELECT event FROM notifications")] == ["campaign.paused"]
    office.execute("UPDATE campaigns SET expires_at = now() - interval '1 second'")
    assert settle(office.context, CAMPAIGN_STEPS, campaign_id) is None


@pytest.mark.parametrize("final_status", ["cancelled", "failed"])
def test_cancelling_ends_as_its_final_status_says(office: Any, final_status: str) -> None:
    campaign_id = planned(office, webhook_url="https://example.com/", error_code="X")
    office.execute("UPDATE campaigns SET status = 'cancelling', final_status = %s", final_status)
    assert settle(office.context, CAMPAIGN_STEPS, campaign_id) == final_status
    campaign = office.row("campaigns", campaign_id)
    assert (campaign["status"], campaign["cancelled"], campaign["error_code"]) == (final_status, 3, "X")
    assert [row["event"] for row in office.rows("SELECT event FROM notifications")] == [f"campaign.{final_status}"]


def test_a_campaign_cancelled_before_it_was_planned_ends_with_a_total_of_0(office: Any) -> None:
    app_id = office.app()
    office.devices(app_id, 3)
    campaign_id = office.campaign(app_id, status="cancelling", final_status="cancelled")
    assert settle(office.context, CAMPAIGN_STEPS, campaign_id) == JobStatus.CANCELLED
    plan = office.row("campaign_plans", campaign_id)
    assert plan["total"] == 0
    assert plan["planned_at"] is not None


def test_a_campaign_whose_rest_expired_is_completed(office: Any) -> None:
    campaign_id = planned(office, devices=15)
    with office.context.ledger.transaction() as connection:
        send_all(connection, office.batches(campaign_id)[0]["id"])
    office.execute("UPDATE campaigns SET expires_at = now() - interval '1 second'")
    assert settle(office.context, CAMPAIGN_STEPS, campaign_id) == JobStatus.COMPLETED
    campaign = office.row("campaigns", campaign_id)
    assert (campaign["accepted"], campaign["expired"]) == (10, 5)


def test_a_paused_campaign_waits_for_its_expiry_and_is_completed_then(office: Any) -> None:
    campaign_id = planned(office)
    office.execute("UPDATE campaigns SET status = 'paused', expires_at = now() + interval '1 hour'")
    assert settle(office.context, CAMPAIGN_STEPS, campaign_id) is None
    office.execute("UPDATE campaigns SET expires_at = now() - interval '1 second'")
    assert settle(office.context, CAMPAIGN_STEPS, campaign_id) == JobStatus.COMPLETED
    assert office.row("campaigns", campaign_id)["expired"] == 3


def test_a_live_lease_keeps_a_cancelling_campaign_open(office: Any) -> None:
    campaign_id = planned(office, devices=15)
    with office.context.ledger.transaction() as connection:
        assert claim(connection, office.batches(campaign_id)[0]["id"], "worker", 30) is not None
    office.execute("UPDATE campaigns SET status = 'cancelling', final_status = 'cancelled'")
    assert settle(office.context, CAMPAIGN_STEPS, campaign_id) is None
    assert [batch["status"] for batch in office.batches(campaign_id)] == ["leased", "closed"]
    office.execute("UPDATE batches SET due_at = now() - interval '1 second' WHERE status = 'leased'")
    assert settle(office.context, CAMPAIGN_STEPS, campaign_id) == JobStatus.CANCELLED


def test_a_long_drain_goes_on_at_a_hint_of_its_own(office: Any, hints: Any) -> None:
    campaign_id = planned(office, devices=250)
    plan_turn(office.context, CAMPAIGN_STEPS, campaign_id)
    office.execute("UPDATE campaigns SET status = 'cancelling', final_status = 'cancelled'")
    assert settle(office.context, CAMPAIGN_STEPS, campaign_id) is None
    assert [hint.campaign_id for hint in hints.take(SettleCampaign, Queue.PUSH_RESULTS)] == [campaign_id]
    assert settle(office.context, CAMPAIGN_STEPS, campaign_id) == JobStatus.CANCELLED
    assert office.row("campaigns", campaign_id)["cancelled"] == 250


def test_dead_tokens_are_dealt_with_after_a_campaign_that_fcm_accepted_something_of(office: Any) -> None:
    due = {}
    for name, invalid, dry_run in (("some", 1, False), ("none", 0, False), ("all", 3, False), ("dry", 1, True)):
        office.execute("DELETE FROM devices")
        campaign_id = planned(office, dry_run=dry_run)
        send_batches(office, campaign_id, invalid)
        assert finish_now(office, campaign_id) == JobStatus.COMPLETED
        due[name] = office.row("campaigns", campaign_id)["deactivate_due_at"] is not None
    assert due == {"some": True, "none": False, "all": False, "dry": False}

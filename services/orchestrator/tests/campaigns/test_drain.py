"""Draining: what becomes of every device of an open batch, against a model of the rules."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fanfare_orchestrator.bulk.planning import plan_turn
from fanfare_orchestrator.bulk.steps import Drained
from fanfare_orchestrator.campaigns.drain import drain
from fanfare_orchestrator.campaigns.steps import CAMPAIGN_STEPS
from fanfare_shared.campaigns.answers import Answers
from fanfare_shared.campaigns.batches import claim, record
from fanfare_shared.campaigns.retries import RetryKind
from fanfare_shared.contracts.words import Outcome
from fanfare_shared.db.connection import Ledger
from fanfare_shared.errors import LeaseLostError

RECORDED = (Outcome.ACCEPTED, Outcome.INVALID_TOKEN, Outcome.FAILED, Outcome.UNKNOWN)


@dataclass(frozen=True)
class Position:
    """Where one device of a batch stands: its outcome, its retry, neither though it may have been sent, or untouched."""

    outcome: Outcome | None = None
    retry: RetryKind | None = None
    in_flight: bool = False

    def ends_as(self, batch_is_ambiguous: bool, ending: Outcome) -> Outcome:
        if self.outcome is not None:
            return self.outcome
        if self.retry is RetryKind.COUNTED:
            return ending
        if self.retry in {RetryKind.AMBIGUOUS, RetryKind.LOST} or self.in_flight:
            return Outcome.UNKNOWN
        return Outcome.UNKNOWN if batch_is_ambiguous else ending


STARTED = st.one_of(
    st.builds(Position, outcome=st.sampled_from(RECORDED)),
    st.builds(Position, retry=st.sampled_from(RetryKind)),
    st.just(Position(in_flight=True)),
)


def set_up(office: Any, devices: int = 10, **campaign: Any) -> tuple[UUID, dict[str, Any]]:
    """A planned campaign and its one batch, published."""
    app_id = office.app()
    office.devices(app_id, devices)
    campaign_id = office.campaign(app_id, **campaign)
    plan_turn(office.context, CAMPAIGN_STEPS, campaign_id)
    return campaign_id, office.batches(campaign_id)[0]


def drain_once(office: Any, campaign_id: UUID, outcome: Outcome = Outcome.CANCELLED) -> Drained:
    with office.context.ledger.transaction() as connection:
        return drain(connection, campaign_id, outcome)


def end_leases(office: Any) -> None:
    office.execute("UPDATE batches SET due_at = now() - interval '1 second' WHERE status = 'leased'")


def outcomes(office: Any, campaign_id: UUID) -> list[str]:
    rows = office.rows("SELECT status FROM deliveries WHERE campaign_id = %s ORDER BY device_id", campaign_id)
    return [row["status"] for row in rows]


def answers_of(positions: list[Position], device_ids: list[int]) -> Answers:
    answers = Answers()
    for number, (position, device_id) in enumerate(zip(positions, device_ids, strict=False)):
        if position.outcome is Outcome.ACCEPTED:
            answers.accept(device_id, "u", "ios", "m")
        elif position.outcome is not None:
            answers.settle(device_id, "u", "ios", position.outcome, "CODE", "", started=0.0)
        elif position.retry is not None:
            answers.retry(number, position.retry)
    return answers


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    started=st.lists(STARTED, max_size=10),
    ambiguous=st.booleans(),
    ending=st.sampled_from([Outcome.CANCELLED, Outcome.EXPIRED]),
)
def test_every_device_ends_as_its_last_send_says(
    office: Any, started: list[Position], ambiguous: bool, ending: Outcome
) -> None:
    office.execute("DELETE FROM devices")
    campaign_id, batch = set_up(office)
    with office.context.ledger.transaction() as connection:
        connection.execute("UPDATE batches SET ambiguous = %s WHERE id = %s", (ambiguous, batch["id"]))
        claimed = claim(connection, batch["id"], "worker", 30)
        assert claimed is not None
        record(connection, claimed.lease, answers_of(started, claimed.device_ids), len(started), 30)
    end_leases(office)
    assert drain_once(office, campaign_id, ending) == Drained(1, more=False)

    positions = started + [Position()] * (10 - len(started))
    expected = [position.ends_as(ambiguous, ending).value for position in positions]
    assert outcomes(office, campaign_id) == expected
    closed, campaign = office.row("batches", batch["id"]), office.row("campaigns", campaign_id)
    counts = {outcome.value: expected.count(outcome.value) for outcome in Outcome}
    assert {name: closed[name] for name in counts} == counts
    assert {name: campaign[name] for name in counts} == counts
    assert (closed["status"], campaign["settled"]) == ("closed", 10)
    codes = office.rows(
        "SELECT error_code FROM deliveries WHERE campaign_id = %s AND error_code IS NOT NULL", campaign_id
    )
    assert Counter(campaign["errors"]) == Counter(row["error_code"] for row in codes)


def test_an_untouched_batch_ends_with_no_attempts(office: Any) -> None:
    campaign_id, _ = set_up(office, 3)
    drain_once(office, campaign_id)
    rows = office.rows(
        "SELECT status, attempts, sent_at, platform, user_id, error_code FROM deliveries ORDER BY device_id"
    )
    assert rows == [
        {
            "status": "cancelled",
            "attempts": 0,
            "sent_at": None,
            "platform": "android",
            "user_id": f"user-{n}",
            "error_code": None,
        }
        for n in (1, 2, 3)
    ]


def test_a_device_in_flight_counts_the_attempt_and_its_moment(office: Any) -> None:
    campaign_id, batch = set_up(office, 2)
    with office.context.ledger.transaction() as connection:
        claimed = claim(connection, batch["id"], "worker", 30)
        assert claimed is not None
        record(connection, claimed.lease, Answers(), 1, 30)
    end_leases(office)
    drain_once(office, campaign_id)
    sent, untouched = office.rows("SELECT * FROM deliveries ORDER BY device_id")
    assert (sent["status"], sent["attempts"], sent["error_code"]) == ("unknown", 1, "UNANSWERED")
    assert sent["sent_at"] is not None
    assert (untouched["status"], untouched["attempts"], untouched["sent_at"]) == ("cancelled", 0, None)


def test_a_device_deleted_since_is_accounted_for(office: Any) -> None:
    campaign_id, _ = set_up(office, 2)
    office.execute("DELETE FROM devices WHERE user_id = 'user-1'")
    drain_once(office, campaign_id)
    rows = office.rows("SELECT user_id, platform FROM deliveries ORDER BY device_id")
    assert rows == [{"user_id": "", "platform": ""}, {"user_id": "user-2", "platform": "android"}]


def test_a_batch_under_a_live_lease_is_left_to_its_worker(office: Any) -> None:
    campaign_id, batch = set_up(office)
    with office.context.ledger.transaction() as connection:
        assert claim(connection, batch["id"], "worker", 30) is not None
    assert drain_once(office, campaign_id) == Drained(0, more=False)
    assert office.row("batches", batch["id"])["status"] == "leased"


@pytest.mark.parametrize("status", ["ready", "published", "set_aside"])
def test_every_other_open_batch_is_closed(office: Any, status: str) -> None:
    campaign_id, batch = set_up(office)
    office.execute("UPDATE batches SET status = %s", status)
    assert drain_once(office, campaign_id).batches == 1
    assert office.row("batches", batch["id"])["closed_at"] is not None
    assert drain_once(office, campaign_id).batches == 0


def test_a_worker_back_from_the_dead_records_nothing(office: Any) -> None:
    campaign_id, batch = set_up(office)
    with office.context.ledger.transaction() as connection:
        claimed = claim(connection, batch["id"], "worker", 30)
        assert claimed is not None
        record(connection, claimed.lease, Answers(), 5, 30)
    end_leases(office)
    drain_once(office, campaign_id)
    before = outcomes(office, campaign_id)
    late = Answers()
    late.accept(claimed.device_ids[0], "u", "ios", "m")
    with office.context.ledger.statement() as connection, pytest.raises(LeaseLostError):
        record(connection, claimed.lease, late, 10, 30)
    assert outcomes(office, campaign_id) == before


def test_a_transaction_closes_a_bounded_number_of_batches(office: Any) -> None:
    campaign_id, _ = set_up(office, 1)
    office.execute(
        "INSERT INTO batches (campaign_id, app_id, priority, device_ids, size, due_at)"
        " SELECT campaign_id, app_id, priority, ARRAY[-n], 1, now() FROM batches, generate_series(1, 24) AS n"
    )
    assert drain_once(office, campaign_id) == Drained(20, more=True)
    assert drain_once(office, campaign_id) == Drained(5, more=False)
    assert office.row("campaigns", campaign_id)["cancelled"] == 25


def test_two_drains_at_once_close_each_batch_once(office: Any, other_ledger: Callable[[], Ledger]) -> None:
    campaign_id, _ = set_up(office)
    with other_ledger().transaction() as connection:
        assert drain(connection, campaign_id, Outcome.CANCELLED).batches == 1
        assert drain_once(office, campaign_id).batches == 0
    assert office.row("campaigns", campaign_id)["settled"] == 10

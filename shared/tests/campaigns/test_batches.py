"""The life of a batch: claimed, journalled, released, closed; and what a killed, stopped or repeated worker finds."""

import time
from typing import Any
from uuid import UUID

import pytest
from psycopg.rows import dict_row

from fanfare_shared.bulk.claims import MAX_LOST_CLAIMS
from fanfare_shared.campaigns.answers import Answers
from fanfare_shared.campaigns.batches import claim, close, load_devices, record, release
from fanfare_shared.campaigns.retries import RetryKind
from fanfare_shared.campaigns.rows import Claim
from fanfare_shared.contracts.words import Outcome
from fanfare_shared.db.connection import Ledger
from fanfare_shared.errors import BatchUnaccountedError, LeaseLostError
from fanfare_shared.testing.world import World, add_batch, make_world

pytestmark = pytest.mark.usefixtures("clean_ledger")


def make(ledger: Ledger, devices: int = 10, **campaign: Any) -> World:
    with ledger.transaction() as connection:
        return make_world(connection, devices, **campaign)


def take(ledger: Ledger, world: World, seconds: float = 30, worker: str = "one") -> Claim | None:
    with ledger.transaction() as connection:
        return claim(connection, world.batch_id, worker, seconds)


def taken(ledger: Ledger, world: World, seconds: float = 30, worker: str = "one") -> Claim:
    claimed = take(ledger, world, seconds, worker)
    assert claimed is not None
    return claimed


def row(ledger: Ledger, table: str, key: UUID | int | str, column: str = "id") -> dict[str, Any]:
    with ledger.statement() as connection, connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(f"SELECT * FROM {table} WHERE {column} = %s", (key,)).fetchone()
    assert found is not None
    return found


def rows(ledger: Ledger, query: str, *parameters: Any) -> list[dict[str, Any]]:
    with ledger.statement() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def end_lease(ledger: Ledger, world: World) -> None:
    with ledger.statement() as connection:
        connection.execute("UPDATE batches SET due_at = now() - interval '1 second' WHERE id = %s", (world.batch_id,))


def accepted(world: World, *positions: int) -> Answers:
    answers = Answers()
    for position in positions:
        answers.accept(world.device_ids[position], f"user-{position}", "android", f"m{position}")
    return answers


def advance(ledger: Ledger, claimed: Claim, answers: Answers, to: int) -> Any:
    with ledger.statement() as connection:
        return record(connection, claimed.lease, answers, to, 30)


def finish(ledger: Ledger, claimed: Claim, answers: Answers) -> int:
    with ledger.transaction() as connection:
        return close(connection, claimed.lease, answers)


@pytest.mark.parametrize(
    ("paused_until", "least", "most"),
    [("now() + interval '1 hour'", 3_000, 3_600), ("now() - interval '1 hour'", 0, 0), ("NULL", 0, 0)],
)
def test_a_claim_says_what_is_left_of_the_projects_pause(
    ledger: Ledger, paused_until: str, least: float, most: float
) -> None:
    world = make(ledger)
    with ledger.statement() as connection:
        connection.execute(f"UPDATE apps SET paused_until = {paused_until}")
    assert least <= taken(ledger, world).app.pause_seconds <= most


def test_a_batch_sent_whole_is_closed_and_added_up(ledger: Ledger) -> None:
    world = make(ledger)
    claimed = taken(ledger, world)
    assert claimed.device_ids == world.device_ids
    assert claimed.started == 0
    assert advance(ledger, claimed, Answers(), 5).started == 5
    assert advance(ledger, claimed, accepted(world, 0, 1, 2, 3, 4), 10).may_send
    assert finish(ledger, claimed, accepted(world, 5, 6, 7, 8, 9)) == 0
    campaign = row(ledger, "campaigns", world.campaign_id)
    assert (campaign["accepted"], campaign["settled"]) == (10, 10)
    deliveries = rows(ledger, "SELECT * FROM deliveries ORDER BY device_id")
    assert [d["device_id"] for d in deliveries] == world.device_ids
    assert [d["user_id"] for d in deliveries] == [f"user-{n}" for n in range(10)]
    assert [d["message_id"] for d in deliveries] == [f"m{n}" for n in range(10)]
    assert {d["status"] for d in deliveries} == {"accepted"}
    assert {d["attempts"] for d in deliveries} == {1}


def test_a_live_lease_is_not_claimed_again(ledger: Ledger) -> None:
    world = make(ledger)
    taken(ledger, world)
    assert take(ledger, world) is None


def test_a_closed_batch_is_not_claimed(ledger: Ledger) -> None:
    world = make(ledger)
    claimed = taken(ledger, world)
    advance(ledger, claimed, Answers(), 10)
    finish(ledger, claimed, accepted(world, *range(10)))
    assert take(ledger, world) is None


def test_every_outcome_is_kept_with_its_code_and_counted(ledger: Ledger) -> None:
    world = make(ledger, 4)
    claimed = taken(ledger, world)
    advance(ledger, claimed, Answers(), 4)
    answers = accepted(world, 0)
    answers.settle(
        world.device_ids[1],
        "u1",
        "ios",
        Outcome.INVALID_TOKEN,
        "UNREGISTERED",
        "gone",
        digest=b"\x01" * 16,
        started=time.monotonic() - 5,
    )
    answers.settle(world.device_ids[2], "u2", "ios", Outcome.FAILED, "SENDER_ID_MISMATCH", "", started=time.monotonic())
    answers.settle(world.device_ids[3], "u3", "web", Outcome.INVALID_TOKEN, "DEVICE_GONE", "not there")
    finish(ledger, claimed, answers)
    campaign = row(ledger, "campaigns", world.campaign_id)
    assert campaign["errors"] == {"UNREGISTERED": 1, "SENDER_ID_MISMATCH": 1, "DEVICE_GONE": 1}
    assert (campaign["accepted"], campaign["invalid_token"], campaign["failed"]) == (1, 2, 1)
    _, dead, failed, gone = rows(ledger, "SELECT *, now() - sent_at AS age FROM deliveries ORDER BY device_id")
    assert (dead["token_digest"], dead["error_message"], dead["attempts"]) == (b"\x01" * 16, "gone", 1)
    assert dead["age"].total_seconds() > 4
    assert (failed["token_digest"], failed["error_message"]) == (None, None)
    assert (gone["sent_at"], gone["attempts"], gone["error_code"]) == (None, 0, "DEVICE_GONE")


def test_a_separator_in_a_user_id_does_not_shift_the_column(ledger: Ledger) -> None:
    world = make(ledger, 2)
    claimed = taken(ledger, world)
    advance(ledger, claimed, Answers(), 2)
    answers = Answers()
    answers.accept(world.device_ids[0], "a\x1fb", "android", "")
    answers.accept(world.device_ids[1], "", "ios", "m")
    finish(ledger, claimed, answers)
    assert [(d["user_id"], d["message_id"]) for d in rows(ledger, "SELECT * FROM deliveries ORDER BY device_id")] == [
        ("ab", ""),
        ("", "m"),
    ]


def test_retries_become_one_follow_up_a_kind_in_the_batchs_order(ledger: Ledger) -> None:
    world = make(ledger)
    claimed = taken(ledger, world)
    advance(ledger, claimed, Answers(), 10)
    answers = accepted(world, 0, 2, 4, 6)
    for position, kind in (
        (9, RetryKind.COUNTED),
        (1, RetryKind.COUNTED),
        (3, RetryKind.AMBIGUOUS),
        (5, RetryKind.DEFERRED),
        (7, RetryKind.LOST),
        (8, RetryKind.LOST),
    ):
        answers.retry(position, kind)
    assert finish(ledger, claimed, answers) == 4
    follow_ups = rows(
        ledger,
        "SELECT b.*, b.due_at - p.closed_at AS due_in FROM batches b JOIN batches p ON p.id = b.parent_id "
        "WHERE p.id = %s ORDER BY b.id",
        world.batch_id,
    )
    ids = world.device_ids
    assert [(b["device_ids"], b["attempt"], b["ambiguous"]) for b in follow_ups] == [
        ([ids[1], ids[9]], 2, False),
        ([ids[3]], 2, True),
        ([ids[5]], 1, False),
        ([ids[7], ids[8]], 1, True),
    ]
    assert 10 <= follow_ups[0]["due_in"].total_seconds() <= 15
    assert follow_ups[2]["due_in"].total_seconds() <= 0
    campaign = row(ledger, "campaigns", world.campaign_id)
    assert (campaign["accepted"], campaign["settled"]) == (4, 4)


def test_what_decided_nothing_leaves_an_ambiguous_batch_ambiguous(ledger: Ledger) -> None:
    world = make(ledger, 2)
    with ledger.statement() as connection:
        batch = add_batch(connection, world.app_id, world.campaign_id, world.device_ids, ambiguous=True, attempt=2)
    again = World(world.app_id, world.campaign_id, world.device_ids, batch)
    claimed = taken(ledger, again)
    advance(ledger, claimed, Answers(), 2)
    answers = Answers()
    answers.retry(0, RetryKind.DEFERRED)
    answers.retry(1, RetryKind.COUNTED)
    finish(ledger, claimed, answers)
    follow_ups = rows(ledger, "SELECT * FROM batches WHERE parent_id = %s ORDER BY id", batch)
    assert [(b["attempt"], b["ambiguous"]) for b in follow_ups] == [(2, True), (3, False)]


def test_after_a_kill_what_was_in_flight_is_sent_again_and_the_rest_goes_on(ledger: Ledger) -> None:
    world = make(ledger)
    first = taken(ledger, world)
    advance(ledger, first, Answers(), 6)
    answers = accepted(world, 0, 1)
    answers.retry(2, RetryKind.COUNTED)
    advance(ledger, first, answers, 6)
    end_lease(ledger, world)
    second = taken(ledger, world, worker="two")
    assert (second.started, second.lease.epoch, second.retry_positions) == (6, 2, [2, 3, 4, 5])
    advance(ledger, second, Answers(), 10)
    assert finish(ledger, second, accepted(world, 6, 7, 8, 9)) == 2
    ids = world.device_ids
    follow_ups = rows(ledger, "SELECT * FROM batches WHERE parent_id = %s ORDER BY id", world.batch_id)
    assert [(b["device_ids"], b["ambiguous"]) for b in follow_ups] == [([ids[2]], False), (ids[3:6], True)]


def test_after_a_kill_at_most_once_leaves_what_was_in_flight_unknown(ledger: Ledger) -> None:
    world = make(ledger, delivery="at_most_once")
    advance(ledger, taken(ledger, world), Answers(), 4)
    end_lease(ledger, world)
    second = taken(ledger, world)
    assert (second.started, second.retry_positions) == (4, [])
    advance(ledger, second, Answers(), 10)
    finish(ledger, second, accepted(world, *range(4, 10)))
    campaign = row(ledger, "campaigns", world.campaign_id)
    assert (campaign["accepted"], campaign["unknown"], campaign["errors"]) == (6, 4, {"WORKER_LOST": 4})


@pytest.mark.parametrize("claimed_again", [True, False])
def test_a_worker_back_from_the_dead_writes_nothing_once_another_has_claimed(
    ledger: Ledger, claimed_again: bool
) -> None:
    world = make(ledger)
    first = taken(ledger, world)
    advance(ledger, first, Answers(), 5)
    end_lease(ledger, world)
    if claimed_again:
        taken(ledger, world, worker="two")
        with pytest.raises(LeaseLostError):
            advance(ledger, first, accepted(world, 0, 1, 2, 3, 4), 10)
        assert rows(ledger, "SELECT * FROM deliveries") == []
    else:
        recorded = advance(ledger, first, accepted(world, 0, 1, 2, 3, 4), 10)
        assert (recorded.started, recorded.may_send) == (5, False)
        assert len(rows(ledger, "SELECT * FROM deliveries")) == 5


def test_a_repeated_record_counts_once(ledger: Ledger) -> None:
    world = make(ledger)
    claimed = taken(ledger, world)
    writes = claimed.lease.writes
    advance(ledger, claimed, accepted(world, 0, 1), 5)
    claimed.lease.writes = writes
    again = advance(ledger, claimed, accepted(world, 0, 1), 5)
    assert (again.started, again.may_send) == (5, True)
    batch = row(ledger, "batches", world.batch_id)
    assert (batch["accepted"], batch["writes"]) == (2, claimed.lease.writes)


@pytest.mark.parametrize(
    "change", ["status = 'paused'", "status = 'cancelling'", "expires_at = now() - interval '1 second'"]
)
def test_a_campaign_that_may_not_be_sent_records_but_does_not_advance(ledger: Ledger, change: str) -> None:
    world = make(ledger)
    claimed = taken(ledger, world)
    advance(ledger, claimed, Answers(), 5)
    with ledger.statement() as connection:
        connection.execute(f"UPDATE campaigns SET {change}")
    recorded = advance(ledger, claimed, accepted(world, 0, 1, 2, 3, 4), 10)
    assert (recorded.started, recorded.may_send) == (5, False)
    with ledger.transaction() as connection:
        release(connection, claimed.lease, Answers())
    batch = row(ledger, "batches", world.batch_id)
    assert (batch["status"], batch["accepted"], batch["worker"]) == ("ready", 5, None)


def test_a_batch_of_a_paused_campaign_goes_back_when_claimed(ledger: Ledger) -> None:
    world = make(ledger, status="paused")
    assert take(ledger, world) is None
    assert row(ledger, "batches", world.batch_id)["status"] == "ready"


def test_a_released_batch_goes_on_where_it_was(ledger: Ledger) -> None:
    world = make(ledger)
    first = taken(ledger, world)
    advance(ledger, first, Answers(), 5)
    answers = accepted(world, 0, 1, 2, 3)
    answers.retry(4, RetryKind.DEFERRED)
    with ledger.transaction() as connection:
        release(connection, first.lease, answers, 60)
    assert take(ledger, world) is None
    with ledger.statement() as connection:
        connection.execute("UPDATE batches SET status = 'published'")
    second = taken(ledger, world)
    assert (second.started, second.retry_positions, second.lost_claims) == (5, [4], 0)


def test_claims_that_die_without_a_write_set_the_batch_aside_and_pause_the_campaign(ledger: Ledger) -> None:
    world = make(ledger, notify_email="owner@example.com")
    for _ in range(MAX_LOST_CLAIMS):
        taken(ledger, world)
        end_lease(ledger, world)
    assert take(ledger, world) is None
    assert row(ledger, "batches", world.batch_id)["status"] == "set_aside"
    letter = row(ledger, "dead_letters", str(world.batch_id), "source_id")
    assert (letter["source"], letter["queue"]) == ("batch", "push.normal")
    campaign = row(ledger, "campaigns", world.campaign_id)
    assert (campaign["status"], campaign["pause_reason"]) == ("paused", "BATCH_SET_ASIDE")
    assert [n["event"] for n in rows(ledger, "SELECT * FROM notifications")] == ["campaign.paused"]


def test_a_claim_that_wrote_resets_the_count_of_lost_ones(ledger: Ledger) -> None:
    world = make(ledger)
    for _ in range(MAX_LOST_CLAIMS - 1):
        taken(ledger, world)
        end_lease(ledger, world)
    advance(ledger, taken(ledger, world), Answers(), 2)
    end_lease(ledger, world)
    assert taken(ledger, world).lost_claims == 0


def test_devices_are_loaded_in_order_and_the_gone_and_inactive_without_a_token(ledger: Ledger) -> None:
    world = make(ledger, 4)
    with ledger.transaction() as connection:
        connection.execute("DELETE FROM devices WHERE id = %s", (world.device_ids[1],))
        connection.execute("UPDATE devices SET is_active = false WHERE id = %s", (world.device_ids[2],))
        loaded = load_devices(connection, list(reversed(world.device_ids)))
    assert [(device.token, device.user_id) for device in loaded] == [
        ("token-3", "user-3"),
        ("", "user-2"),
        ("", ""),
        ("token-0", "user-0"),
    ]


def test_a_stopped_claimer_does_not_hold_the_batch(ledger: Ledger, ledger_two: Ledger) -> None:
    """A claim stopped inside its transaction is passed over, not waited for."""
    world = make(ledger)
    with ledger.transaction() as connection:
        assert claim(connection, world.batch_id, "one", 30) is not None
        assert take(ledger_two, world) is None


def test_a_batch_with_positions_unanswered_does_not_close(ledger: Ledger) -> None:
    world = make(ledger)
    claimed = taken(ledger, world)
    advance(ledger, claimed, accepted(world, 0), 10)
    with pytest.raises(BatchUnaccountedError, match="1 settled"):
        finish(ledger, claimed, Answers())
    assert row(ledger, "batches", world.batch_id)["status"] == "leased"

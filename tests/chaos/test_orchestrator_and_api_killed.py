"""SIGKILL of the orchestrator in the middle of planning, and of the api right after its 202."""

import pytest

from chaos.matrix import Matrix
from chaos.trial import Trial
from fanfare_shared.db.connection import the_row
from fanfare_shared.testing.polling import until
from harness.fleet import Fleet

_WAITING_PLANNER = """
SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid
WHERE c.relname = 'batches' AND NOT l.granted AND a.application_name = 'orchestrator' AND a.datname = current_database()
"""


def _assert_everyone_got_it_once(trial: Trial) -> None:
    assert trial.fleet.simulator.missing(trial.tokens).total == 0
    assert trial.fleet.simulator.duplicates().tokens == 0
    assert trial.attempts() == {1}


def test_an_orchestrator_killed_inside_a_windows_transaction_plans_on(fleet: Fleet, matrix: Matrix) -> None:
    trial = Trial(fleet, 6_000)
    with trial.ledger.transaction() as connection, fleet.ledger().transaction() as other:
        connection.execute("LOCK TABLE batches IN EXCLUSIVE MODE")  # the planner's INSERT waits for it
        trial.send()
        until("the planner is inside a window", lambda: the_row(other.execute(_WAITING_PLANNER))[0], 90)
        fleet.processes["orchestrator"].kill()
    assert not trial.many("SELECT id FROM batches WHERE campaign_id = %s")
    fleet.restart("orchestrator")
    account = trial.wait_for_end()
    matrix.add("orchestrator killed in a window's transaction", account)
    assert account.accepted == 6_000
    _assert_everyone_got_it_once(trial)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_an_orchestrator_killed_between_windows_plans_on(fleet: Fleet, matrix: Matrix) -> None:
    trial = Trial(fleet, 300_000)
    fleet.simulator.change_script(latency={"ms": 0})
    trial.send()
    plan = "SELECT total FROM campaign_plans WHERE campaign_id = %s"
    until("the first window is planned", lambda: trial.many(plan), 30, every=0.005)
    fleet.processes["orchestrator"].kill()
    assert 0 < trial.one(plan)[0] < 300_000
    fleet.restart("orchestrator")
    account = trial.wait_for_end(seconds=400)
    matrix.add("orchestrator killed between windows", account)
    assert account.accepted == 300_000
    _assert_everyone_got_it_once(trial)


@pytest.mark.long
def test_two_orchestrators_at_once_do_no_harm_and_neither_does_killing_one(fleet: Fleet, matrix: Matrix) -> None:
    trial = Trial(fleet, 30_000)
    fleet.start_orchestrator("orchestrator-2")
    trial.send()
    trial.wait_for_received(5_000)
    fleet.processes.pop("orchestrator-2").kill()
    account = trial.wait_for_end()
    matrix.add("two orchestrators, one of them killed", account)
    assert account.accepted == 30_000
    _assert_everyone_got_it_once(trial)


def test_an_api_killed_right_after_its_202_has_committed_the_campaign(fleet: Fleet, matrix: Matrix) -> None:
    trial = Trial(fleet, 2_000)
    trial.send()
    fleet.processes["api"].kill()
    trial.wait_until(
        "the campaign has ended",
        lambda: trial.one("SELECT status = 'completed' FROM campaigns WHERE id = %s")[0],
    )
    fleet.restart("api")
    account = trial.wait_for_end()
    matrix.add("api killed after its 202", account)
    assert account.accepted == 2_000
    _assert_everyone_got_it_once(trial)

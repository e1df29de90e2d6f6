"""The token endpoint or FCM itself cannot be reached: the campaign waits, and completes when it can."""

import time
from collections.abc import Iterator

import pytest

from chaos.matrix import Matrix
from chaos.trial import WINDOW, Trial
from harness.fleet import Fleet

DOWN, UP = {"listening": False}, {"listening": True}


def _wait_for_breaker(trial: Trial, reason: str) -> None:
    query = """
    SELECT a.pause_reason FROM apps a JOIN campaigns c ON c.app_id = a.id WHERE c.id = %s AND a.paused_until IS NOT NULL
    """
    trial.wait_until(f"the breaker says {reason}", lambda: [row[0] for row in trial.many(query)] == [reason])


@pytest.mark.long
def test_a_token_endpoint_that_is_down_at_renewal_is_waited_for(fleet: Fleet, matrix: Matrix) -> None:
    trial = Trial(fleet, 8_000, tokens_from="fault")
    fleet.simulator.change_script(oauth={"expires_in": 3})
    trial.send(rate_per_second=1_000)
    trial.wait_for_received(1)
    fleet.simulator.change_script(wire=DOWN)
    _wait_for_breaker(trial, "TOKEN_ENDPOINT_UNAVAILABLE")
    assert trial.received() < 8_000
    fleet.simulator.change_script(wire=UP)
    account = trial.wait_for_end()
    matrix.add("token endpoint down at renewal", account)
    assert account.accepted == 8_000
    assert trial.attempts() == {1}


@pytest.fixture
def fleet_over_faults(fleet: Fleet) -> Iterator[Fleet]:
    """With a worker of `high` that sends to the simulator's fault listener."""
    fleet.start_push_worker("high", name="push-worker-over-faults", FANFARE_FCM_ENDPOINT=fleet.fault_url)
    yield fleet
    fleet.processes.pop("push-worker-over-faults").kill()


def test_what_was_not_sent_for_want_of_a_token_or_a_connection_costs_no_attempt(
    fleet_over_faults: Fleet, matrix: Matrix
) -> None:
    without_token = Trial(fleet_over_faults, 3_000, tokens_from="fault")
    without_fcm = Trial(fleet_over_faults, 3_000)
    fleet_over_faults.simulator.change_script(wire=DOWN)
    without_token.send()
    without_fcm.send(priority="high")
    _wait_for_breaker(without_token, "TOKEN_ENDPOINT_UNAVAILABLE")
    _wait_for_breaker(without_fcm, "FCM_UNREACHABLE")
    assert (without_token.received(), without_fcm.received()) == (0, 0)
    fleet_over_faults.simulator.change_script(wire=UP)
    for fault, trial in (("token endpoint", without_token), ("FCM", without_fcm)):
        account = trial.wait_for_end()
        matrix.add(f"{fault} down from the start", account)
        assert account.accepted == 3_000
        assert trial.attempts() == {1}


@pytest.mark.long
@pytest.mark.timeout(400)
def test_fcm_unreachable_for_a_minute_in_the_middle_is_waited_for(fleet_over_faults: Fleet, matrix: Matrix) -> None:
    trial = Trial(fleet_over_faults, 20_000)
    trial.send(priority="high")
    trial.wait_for_received(5_000)
    fleet_over_faults.simulator.change_script(wire=DOWN)
    cut = time.monotonic()
    _wait_for_breaker(trial, "FCM_UNREACHABLE")
    trial.wait_until("a minute has passed", lambda: time.monotonic() - cut >= 60, seconds=90)
    fleet_over_faults.simulator.change_script(wire=UP)
    account = trial.wait_for_end(seconds=240)
    # What was in flight when the connections broke may have been accepted.
    matrix.add("FCM unreachable for a minute", account, bound=WINDOW)
    assert account.accepted == 20_000
    assert trial.attempts() <= {1, 2}

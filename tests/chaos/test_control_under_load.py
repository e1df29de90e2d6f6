"""Pause, resume, cancel and a rolling restart while sends are in flight."""

import time

import pytest

from chaos.matrix import Matrix
from chaos.trial import Trial
from chaos.workers import WORKERS, catch_sending
from harness.fleet import Fleet

SIZES = [
    pytest.param(12_000, id="short"),
    pytest.param(60_000, id="full", marks=[pytest.mark.long, pytest.mark.timeout(400)]),
]
_IN_HAND = "SELECT count(*) FROM batches WHERE campaign_id = %s AND status = 'leased'"
_LATEST_SEND_SECONDS = 2.0
"""No send starts later than this after pause or cancel is answered."""


def _act(trial: Trial, action: str) -> float:
    """When it was answered, Unix seconds."""
    trial.fleet.client.act(trial.campaign_id, action)
    return time.time()


def _wait_until_nothing_is_in_hand(trial: Trial) -> None:
    trial.wait_until("no worker has anything of it in hand", lambda: trial.one(_IN_HAND)[0] == 0)


@pytest.mark.parametrize("devices", SIZES)
def test_pause_stops_the_sending_within_two_seconds_and_resume_misses_nobody(
    fleet: Fleet, matrix: Matrix, devices: int
) -> None:
    trial = Trial(fleet, devices)
    trial.send()
    for pause in range(1, 4):
        trial.wait_for_received(pause * devices // 5)
        answered = _act(trial, "pause")
        _wait_until_nothing_is_in_hand(trial)
        received = trial.received()
        assert trial.last_received_at() - answered <= _LATEST_SEND_SECONDS
        assert 0 < received < devices
        assert fleet.client.stats(trial.campaign_id)["sent"] == received
        _act(trial, "resume")
    account = trial.wait_for_end()
    matrix.add("paused and resumed 3 times under load", account)
    assert account.accepted == devices
    assert trial.attempts() == {1}


@pytest.mark.parametrize("devices", SIZES)
def test_a_campaign_cancelled_under_load_stops_within_two_seconds_and_adds_up(
    fleet: Fleet, matrix: Matrix, devices: int
) -> None:
    trial = Trial(fleet, devices)
    trial.send()
    trial.wait_for_received(devices // 4)
    answered = _act(trial, "cancel")
    account = trial.wait_for_end("cancelled")
    assert trial.last_received_at() - answered <= _LATEST_SEND_SECONDS
    matrix.add("cancelled under load", account)
    assert account.stats["cancelled"] > 0
    assert account.unknown == 0
    assert account.accepted == trial.received()


@pytest.mark.parametrize("devices", SIZES)
def test_a_rolling_restart_of_the_workers_repeats_nothing(fleet: Fleet, matrix: Matrix, devices: int) -> None:
    trial = Trial(fleet, devices)
    trial.send()
    for worker in WORKERS:
        catch_sending(trial, worker)
        assert fleet.processes[worker].stop() == 0
        fleet.restart(worker)
    account = trial.wait_for_end()
    matrix.add("push-workers restarted in turn by SIGTERM", account)
    assert account.accepted == devices
    assert trial.attempts() == {1}

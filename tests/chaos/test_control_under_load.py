"""Pause, resume, cancel and a rolling restart while sends are in flight."""

import pytest

from chaos.matrix import Matrix
from chaos.trial import CHUNK, LATENCY_MS, Trial
from chaos.workers import WORKERS, catch_sending
from harness.fleet import Fleet

# With every window full, 300 a second, until all that is asked for has come before the campaign's end.
_SLOW_MS = 1_000
SIZES = [
    pytest.param(8_000, id="short"),
    pytest.param(60_000, id="full", marks=[pytest.mark.long, pytest.mark.timeout(400)]),
]
_IN_HAND = "SELECT count(*) FROM batches WHERE campaign_id = %s AND status = 'leased'"
_UNDER_WAY = len(WORKERS) * CHUNK
"""Each worker may be writing the journal for one chunk when pause or cancel is answered; the next write tells it."""


def _under_load(fleet: Fleet, devices: int) -> Trial:
    trial = Trial(fleet, devices)
    fleet.simulator.change_script(latency={"ms": _SLOW_MS})
    trial.send()
    return trial


def _speed_up(fleet: Fleet) -> None:
    fleet.simulator.change_script(latency={"ms": LATENCY_MS})


def _act(trial: Trial, action: str) -> int:
    """How many devices' sending was begun when it was answered."""
    trial.fleet.client.act(trial.campaign_id, action)
    return trial.journalled()


def _wait_until_nothing_is_in_hand(trial: Trial) -> None:
    trial.wait_until("no worker has anything of it in hand", lambda: trial.one(_IN_HAND)[0] == 0)


@pytest.mark.parametrize("devices", SIZES)
def test_pause_stops_the_sending_after_the_chunk_under_way_and_resume_misses_nobody(
    fleet: Fleet, matrix: Matrix, devices: int
) -> None:
    trial = _under_load(fleet, devices)
    for pause in range(1, 4):
        trial.wait_for_received(pause * devices // 10)
        begun = _act(trial, "pause")
        _wait_until_nothing_is_in_hand(trial)
        received = trial.received()
        assert received <= begun + _UNDER_WAY
        assert 0 < received < devices
        assert fleet.client.stats(trial.campaign_id)["sent"] == received
        _act(trial, "resume")
    _speed_up(fleet)
    account = trial.wait_for_end()
    matrix.add("paused and resumed 3 times under load", account)
    assert account.accepted == devices
    assert trial.attempts() == {1}


@pytest.mark.parametrize("devices", SIZES)
def test_a_campaign_cancelled_under_load_stops_after_the_chunk_under_way_and_adds_up(
    fleet: Fleet, matrix: Matrix, devices: int
) -> None:
    trial = _under_load(fleet, devices)
    trial.wait_for_received(devices // 8)
    begun = _act(trial, "cancel")
    account = trial.wait_for_end("cancelled")
    assert trial.received() <= begun + _UNDER_WAY
    matrix.add("cancelled under load", account)
    assert account.stats["cancelled"] > 0
    assert account.unknown == 0
    assert account.accepted == trial.received()


@pytest.mark.parametrize("devices", SIZES)
def test_a_rolling_restart_of_the_workers_repeats_nothing(fleet: Fleet, matrix: Matrix, devices: int) -> None:
    trial = _under_load(fleet, devices)
    for worker in WORKERS:
        catch_sending(trial, worker)
        assert fleet.processes[worker].stop() == 0
        fleet.restart(worker)
    _speed_up(fleet)
    account = trial.wait_for_end()
    matrix.add("push-workers restarted in turn by SIGTERM", account)
    assert account.accepted == devices
    assert trial.attempts() == {1}

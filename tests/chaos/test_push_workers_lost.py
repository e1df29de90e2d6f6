"""Push-workers killed, or stopped beyond their lease, in the middle of a batch.

Nobody is missed; what may be accepted twice is a window for each lost process, and nothing is under at-most-once; a worker
back from the dead sends nothing and writes nothing.
"""

import signal
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import pytest

from chaos.account import Account
from chaos.matrix import Matrix
from chaos.trial import LEASE_SECONDS, WINDOW, Trial
from chaos.workers import WORKERS, kill_sending, stop_sending
from harness.fleet import Fleet

DEVICES, KILLS = 200_000, 10


def test_three_campaigns_survive_two_kills_and_a_stop_at_once(fleet: Fleet, matrix: Matrix) -> None:
    """The short form: the three wait for the same lease."""
    twice, once, stopped = Trial(fleet, 4_000), Trial(fleet, 4_000), Trial(fleet, 4_000)
    # 250 a second and worker, with full windows: each is caught before its campaign is through.
    fleet.simulator.change_script(latency={"ms": 400})
    to_be_stopped, killed_first, killed_next = WORKERS
    stopped.send()
    stop = _Stop(stopped, to_be_stopped)
    twice.send(delivery="at_least_once")
    kill_sending(twice, killed_first)
    once.send(delivery="at_most_once")
    kill_sending(once, killed_next)
    fleet.restart(killed_first)
    fleet.restart(killed_next)
    account = stopped.wait_for_end()
    _check_at_least_once(twice, twice.wait_for_end(), matrix, kills=1)
    _check_at_most_once(once, once.wait_for_end(), matrix, kills=1)
    stop.check_return()
    matrix.add("push-worker stopped beyond its lease", account, bound=WINDOW)
    assert account.accepted == len(stopped.tokens)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_nobody_is_missed_and_a_window_a_kill_may_be_accepted_twice(fleet: Fleet, matrix: Matrix) -> None:
    trial = Trial(fleet, DEVICES)
    trial.send(delivery="at_least_once")
    _kill_in_turn(trial)
    _check_at_least_once(trial, trial.wait_for_end(seconds=600), matrix, KILLS)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_at_most_once_nobody_is_accepted_twice_and_the_rest_is_unknown(fleet: Fleet, matrix: Matrix) -> None:
    trial = Trial(fleet, DEVICES)
    trial.send(delivery="at_most_once")
    _kill_in_turn(trial)
    _check_at_most_once(trial, trial.wait_for_end(seconds=600), matrix, KILLS)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_workers_stopped_beyond_their_lease_start_no_request_and_write_nothing(fleet: Fleet, matrix: Matrix) -> None:
    trial = Trial(fleet, 60_000)
    trial.send()
    stops = [_Stop(trial, worker) for worker in WORKERS[:2]]
    account = trial.wait_for_end(seconds=LEASE_SECONDS + 180)
    for stop in stops:
        stop.check_return()
    matrix.add("2 push-workers stopped beyond their lease", account, bound=len(stops) * WINDOW)
    assert account.accepted == len(trial.tokens)


@pytest.mark.long
def test_a_campaign_cancelled_after_a_kill_says_which_devices_are_unknown(fleet: Fleet, matrix: Matrix) -> None:
    trial = Trial(fleet, 12_000)
    trial.send()
    kill_sending(trial, WORKERS[0])
    fleet.client.act(trial.campaign_id, "cancel")
    account = trial.wait_for_end("cancelled")
    matrix.add("push-worker killed (1), then cancelled", account)
    assert 0 < account.unknown <= WINDOW
    assert account.stats["cancelled"] > 0
    assert fleet.simulator.accepted(trial.project).total <= account.accepted + account.unknown


def _kill_in_turn(trial: Trial) -> None:
    for worker in islice(cycle(WORKERS), KILLS):
        trial.fleet.wait_until_connected(worker)
        kill_sending(trial, worker)
        trial.fleet.restart(worker)


def _check_at_least_once(trial: Trial, account: Account, matrix: Matrix, kills: int) -> None:
    matrix.add(f"push-worker killed ({kills})", account, bound=kills * WINDOW)
    assert account.accepted == len(trial.tokens)
    assert trial.fleet.simulator.missing(trial.tokens).total == 0
    assert account.repeated <= trial.ambiguous() <= kills * WINDOW
    assert trial.ambiguous() >= kills


def _check_at_most_once(trial: Trial, account: Account, matrix: Matrix, kills: int) -> None:
    matrix.add(f"push-worker killed ({kills}), at most once", account)
    assert account.accepted + account.unknown == len(trial.tokens)
    assert kills <= account.unknown <= kills * WINDOW
    assert account.stats["errors"] == {"WORKER_LOST": account.unknown}
    assert trial.received() <= len(trial.tokens)


class _Stop:
    """A worker stopped while it sends a trial's batch."""

    def __init__(self, trial: Trial, worker: str) -> None:
        self._trial = trial
        self._process = trial.fleet.processes[worker]
        stop_sending(trial, worker)

    def check_return(self) -> None:
        """Lets it go on, once the campaign has ended, and fails where it then sends or writes anything."""
        received, written, end_of_log = self._trial.received(), self._written(), self._process.log.stat().st_size
        self._process.signal_group(signal.SIGCONT)
        self._trial.wait_until("it sees that it is late", partial(_says_so, self._process.log, end_of_log))
        assert self._trial.received() == received
        assert self._written() == written

    def _written(self) -> list[tuple[int, ...]]:
        """What a worker could change."""
        batches = self._trial.many("SELECT id, epoch, writes, started FROM batches WHERE campaign_id = %s ORDER BY id")
        return [*batches, *self._trial.many("SELECT count(*), max(sent_at) FROM deliveries WHERE campaign_id = %s")]


def _says_so(log: Path, offset: int) -> bool:
    return b"lease lost" in log.read_bytes()[offset:]

"""Processes killed, stopped, restarted and cut off at random, and the campaign paused, while FCM itself answers as it likes."""

import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

from chaos.account import Account
from chaos.matrix import Matrix
from chaos.trial import LEASE_SECONDS, WINDOW, Trial
from chaos.workers import WORKERS
from fanfare_shared.testing.brokers import BrokerManagement, vhost_of
from harness.fleet import Fleet

if TYPE_CHECKING:
    from collections.abc import Callable

_DEVICES = 40_000
# Faults end when so much of the campaign is sent, for the last one has to find it going on.
_UNTIL = 0.8
# By token, so that a device sent to again after a kill is answered as the first time.
_ANSWERS = [
    {"contains": "-13", "outcomes": ["unregistered"]},
    {"contains": "-42", "outcomes": [{"outcome": "unavailable", "retry_after": 1}, "accept"]},
    {"contains": "-999", "outcomes": ["sender_id_mismatch"]},
    {"contains": "-7777", "outcomes": [{"outcome": "quota_exceeded", "retry_after": 1}, "accept"]},
]


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_happens_the_account_adds_up(
    fleet: Fleet, broker_management: BrokerManagement, matrix: Matrix, seed: int
) -> None:
    trial = Trial(fleet, _DEVICES)
    faults = _Faults(trial, broker_management, random.Random(seed))
    account = _go_through(trial, faults, "at_least_once")
    matrix.add(f"{faults.count} faults at random, seed {seed}", account, bound=faults.lost_workers * WINDOW)
    stats = account.stats
    assert stats["success"] + stats["invalid_token"] + stats["failed"] == _DEVICES
    assert (stats["invalid_token"], stats["failed"]) == tuple(_count(trial, part) for part in ("-13", "-999"))
    assert account.repeated <= trial.ambiguous()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_whatever_happens_at_most_once_nobody_is_accepted_twice(
    fleet: Fleet, broker_management: BrokerManagement, matrix: Matrix
) -> None:
    trial = Trial(fleet, _DEVICES)
    faults = _Faults(trial, broker_management, random.Random(3))
    account = _go_through(trial, faults, "at_most_once")
    matrix.add(f"{faults.count} faults at random, at most once", account)
    stats = account.stats
    assert stats["success"] + stats["invalid_token"] + stats["failed"] + account.unknown == _DEVICES
    assert account.unknown <= faults.lost_workers * WINDOW


def _go_through(trial: Trial, faults: "_Faults", delivery: str) -> Account:
    trial.fleet.simulator.change_script(patterns=_ANSWERS)
    trial.send(rate_per_second=500, delivery=delivery)
    while trial.received() < _UNTIL * _DEVICES:
        faults.next()
    faults.heal()
    return trial.wait_for_end(seconds=300)


def _count(trial: Trial, part: str) -> int:
    return sum(part in token for token in trial.tokens)


class _Faults:
    """`lost_workers`: push-workers killed, or stopped so long that they may have lost a lease."""

    def __init__(self, trial: Trial, management: BrokerManagement, chance: random.Random) -> None:
        self._trial = trial
        self._management = management
        self._fleet = trial.fleet
        self._chance = chance
        self._kinds: list[Callable[[], None]] = [
            self._kill_worker,
            self._stop_worker,
            self._restart_worker,
            self._kill_orchestrator,
            self._kill_api,
            self._cut_off_postgresql,
            self._cut_off_rabbitmq,
            self._pause_and_resume,
        ]
        self.count = 0
        self.lost_workers = 0

    def next(self) -> None:
        """Lets the sending move a little, then breaks something."""
        received = self._trial.received() + self._chance.randrange(200, 2_000)
        self._trial.wait_until("the sending goes on", lambda: self._trial.received() >= received, seconds=90)
        self._chance.choice(self._kinds)()
        self.count += 1

    def heal(self) -> None:
        self._fleet.wait_until_connected("orchestrator", *WORKERS)
        self._fleet.wait_until_api_ready()

    def _kill_worker(self) -> None:
        worker = self._chance.choice(WORKERS)
        self._fleet.processes[worker].kill()
        self._fleet.restart(worker)
        self.lost_workers += 1

    def _stop_worker(self) -> None:
        process = self._fleet.processes[self._chance.choice(WORKERS)]
        process.signal_group(signal.SIGSTOP)
        goes_on = time.monotonic() + self._chance.uniform(0, 1.2) * LEASE_SECONDS
        self._trial.wait_until("the stop is over", lambda: time.monotonic() > goes_on)
        process.signal_group(signal.SIGCONT)
        self.lost_workers += 1

    def _restart_worker(self) -> None:
        worker = self._chance.choice(WORKERS)
        self._fleet.wait_until_connected(worker)
        assert self._fleet.processes[worker].stop() == 0
        self._fleet.restart(worker)

    def _kill_orchestrator(self) -> None:
        self._fleet.processes["orchestrator"].kill()
        self._fleet.restart("orchestrator")

    def _kill_api(self) -> None:
        self._fleet.processes["api"].kill()
        self._fleet.restart("api")
        self._fleet.wait_until_api_ready()

    def _cut_off_postgresql(self) -> None:
        self._trial.many(
            """
            SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a, campaigns c
            WHERE c.id = %s AND a.datname = current_database() AND a.pid <> pg_backend_pid()
            """
        )

    def _cut_off_rabbitmq(self) -> None:
        self._management.close_connections(vhost_of(self._fleet.broker))

    def _pause_and_resume(self) -> None:
        self._fleet.client.act(self._trial.campaign_id, "pause")
        self._fleet.client.act(self._trial.campaign_id, "resume")

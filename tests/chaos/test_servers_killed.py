"""RabbitMQ without its messages, PostgreSQL killed, Redis killed and flushed: the campaign completes by itself."""

import time

import pytest

from chaos.matrix import Matrix
from chaos.private import PrivateServers
from chaos.trial import LEASE_SECONDS, WINDOW, Trial
from chaos.workers import WORKERS
from harness.fleet import Fleet

_DEVICES = 60_000
# Workers keep their answers while PostgreSQL is away; only where that outlasts a lease may another one send a window again.
_BOUND = len(WORKERS) * WINDOW


def test_every_server_is_lost_at_once_and_the_campaign_completes(
    private_fleet: Fleet, servers: PrivateServers, matrix: Matrix
) -> None:
    """The short form: the three wait for the same hint to be repeated."""
    trial = Trial(private_fleet, 8_000)
    trial.send()
    trial.wait_for_received(1_000)
    servers.kill("postgresql")
    servers.kill("redis")
    servers.stop("rabbitmq")
    servers.forget_messages()
    trial.wait_until("no worker is ready", lambda: not any(_is_ready(private_fleet, worker) for worker in WORKERS))
    for name in ("api", "orchestrator", *WORKERS):
        assert private_fleet.probe(name, "live") == "", "an outage is no reason to start anything again"
    servers.start("rabbitmq")
    account = trial.wait_for_end()
    matrix.add("RabbitMQ, PostgreSQL and Redis lost at once", account, bound=_BOUND)
    assert account.accepted == 8_000
    assert all(process.alive for process in private_fleet.processes.values())
    trial.wait_until("every worker is ready", lambda: all(_is_ready(private_fleet, worker) for worker in WORKERS))


@pytest.mark.long
@pytest.mark.timeout(400)
def test_rabbitmq_loses_every_message_and_the_campaign_completes(
    private_fleet: Fleet, servers: PrivateServers, matrix: Matrix
) -> None:
    trial = _under_way(private_fleet)
    servers.stop("rabbitmq")
    servers.forget_messages()
    assert trial.one("SELECT count(*) FROM batches WHERE campaign_id = %s AND status <> 'closed'")[0] > 0
    servers.start("rabbitmq")
    account = trial.wait_for_end(seconds=300)
    matrix.add("RabbitMQ restarted without its messages", account)
    assert account.accepted == _DEVICES
    assert trial.attempts() == {1}


@pytest.mark.long
@pytest.mark.timeout(400)
def test_postgresql_is_killed_and_the_campaign_completes(
    private_fleet: Fleet, servers: PrivateServers, matrix: Matrix
) -> None:
    trial = _under_way(private_fleet)
    servers.kill("postgresql")
    account = trial.wait_for_end(seconds=300)
    matrix.add("PostgreSQL killed", account, bound=_BOUND)
    assert account.accepted == _DEVICES


@pytest.mark.long
@pytest.mark.timeout(400)
def test_postgresql_is_away_for_longer_than_a_lease_and_the_campaign_completes(
    private_fleet: Fleet, servers: PrivateServers, matrix: Matrix
) -> None:
    trial = _under_way(private_fleet)
    servers.stop("postgresql")
    back_at = time.monotonic() + 1.5 * LEASE_SECONDS
    trial.wait_until("every lease has ended", lambda: time.monotonic() > back_at)
    servers.start("postgresql")
    account = trial.wait_for_end(seconds=300)
    matrix.add("PostgreSQL away for longer than a lease", account, bound=_BOUND)
    assert account.accepted == _DEVICES


@pytest.mark.long
@pytest.mark.timeout(400)
def test_redis_is_killed_and_flushed_and_the_campaign_completes(
    private_fleet: Fleet, servers: PrivateServers, matrix: Matrix
) -> None:
    trial = _under_way(private_fleet)
    servers.kill("redis")
    account = trial.wait_for_end(seconds=300)
    matrix.add("Redis killed and flushed", account)
    assert account.accepted == _DEVICES
    assert trial.attempts() == {1}


def _under_way(fleet: Fleet) -> Trial:
    trial = Trial(fleet, _DEVICES)
    trial.send()
    trial.wait_for_received(_DEVICES // 4)
    return trial


def _is_ready(fleet: Fleet, worker: str) -> bool:
    return fleet.probe(worker, "ready") == ""

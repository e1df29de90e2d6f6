"""A real worker process' parts, on the session's own servers and a running FCM simulator."""

from collections.abc import Iterator
from typing import Any

import pytest

from fanfare_shared.db.connection import Ledger
from fanfare_shared.settings import BrokerSettings, DatabaseSettings
from fcm_simulator.process import RunningSimulator, running_simulator
from harness.push_worker import KEY, Worker, make_process


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    with running_simulator(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: RunningSimulator) -> RunningSimulator:
    """The simulator with its default script and no counts."""
    running.client.reset()
    return running


@pytest.fixture
def worker_settings(
    database_settings: DatabaseSettings,
    broker_settings: BrokerSettings,
    redis_url: str,
    simulator: RunningSimulator,
) -> dict[str, Any]:
    return {
        "database_url": database_settings.database_url,
        "broker_url": broker_settings.broker_url,
        "redis_url": f"{redis_url}?socket_timeout=30&socket_connect_timeout=30",  # a slow one is not one that is gone
        "encryption_keys": KEY,
        "fcm_endpoint": simulator.url,
        "fcm_ca_file": simulator.ca_file,
        "push_window": 100,
        "push_chunk_size": 50,
        "push_max_workers": 1,
    }


@pytest.fixture
def worker(
    worker_settings: dict[str, Any], clean_ledger: Ledger, clean_broker: BrokerSettings, simulator: RunningSimulator
) -> Iterator[Worker]:
    process = make_process(worker_settings)
    process.quota._redis.delete("fanfare:quota:demo")
    yield Worker(process, clean_ledger, simulator)
    process.close()


@pytest.fixture
def faulty_worker(
    worker_settings: dict[str, Any], clean_ledger: Ledger, clean_broker: BrokerSettings, simulator: RunningSimulator
) -> Iterator[Worker]:
    """Sends to the listener that breaks the wire."""
    process = make_process(worker_settings, fcm_endpoint=simulator.fault_url)
    process.quota._redis.delete("fanfare:quota:demo")
    yield Worker(process, clean_ledger, simulator)
    process.close()

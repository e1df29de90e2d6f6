"""The heartbeat file says that the worker lives, the ready file that it is connected to its broker."""

from pydantic import SecretStr

from fanfare_shared.settings import BrokerSettings
from fanfare_shared.testing.brokers import BrokerManagement, vhost_of
from fanfare_shared.testing.polling import wait_until
from fanfare_shared.testing.proxies import silenceable
from fanfare_shared.testing.worker_process import StartWorker, WorkerProcess


def last_beat(worker: WorkerProcess) -> int:
    """Nanoseconds; 0 while there is no file."""
    return worker.heartbeat.stat().st_mtime_ns if worker.heartbeat.exists() else 0


def test_it_beats_on_after_the_connection_was_lost_and_made_again(
    worker: WorkerProcess, clean_broker: BrokerSettings, broker_management: BrokerManagement
) -> None:
    before = last_beat(worker)

    def loses_its_connection() -> bool:
        broker_management.close_connections(vhost_of(clean_broker))  # once it is listed
        return "Connection to broker lost" in worker.output()

    wait_until(loses_its_connection, "the worker's connection is closed, and it notices")
    wait_until(lambda: last_beat(worker) > before, "it is connected again")
    again = last_beat(worker)
    wait_until(lambda: last_beat(worker) > again, "it beats on")
    worker.send("succeed")
    worker.wait_for_calls(1)


def test_it_beats_on_while_the_broker_is_away_and_only_the_ready_file_is_gone(
    start_worker: StartWorker, clean_broker: BrokerSettings
) -> None:
    with silenceable(clean_broker.broker_url.get_secret_value()) as (proxy, url):
        worker = start_worker(BrokerSettings(broker_url=SecretStr(url)))
        worker.wait_until_connected()
        proxy.refuse()
        wait_until(lambda: not worker.ready_file.exists(), "it is no longer ready")
        lost = last_beat(worker)
        wait_until(lambda: last_beat(worker) > lost, "it beats on")
        assert worker.process.poll() is None
        proxy.admit()
        worker.wait_until_connected()


def test_it_beats_before_its_first_connection(start_worker: StartWorker, clean_broker: BrokerSettings) -> None:
    with silenceable(clean_broker.broker_url.get_secret_value()) as (proxy, url):
        proxy.refuse()
        worker = start_worker(BrokerSettings(broker_url=SecretStr(url)))
        wait_until(lambda: last_beat(worker) > 0, "it lives")
        assert not worker.ready_file.exists()
        proxy.admit()
        worker.wait_until_connected()

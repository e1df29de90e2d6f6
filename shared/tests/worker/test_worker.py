"""What becomes of a message, whatever its handler or its sender does. The worker is a real process on a real broker."""

import os
import re
import signal

import pytest

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.processes import is_alive
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.testing.brokers import BrokerManagement, QueueReader, vhost_of
from fanfare_shared.testing.polling import wait_until
from fanfare_shared.testing.worker_process import StartWorker, WorkerProcess


def wait_for_dead(broker: BrokerSettings, number: int) -> None:
    with QueueReader(broker) as reader:
        wait_until(lambda: reader.depth(Queue.DEAD) == number, f"{number} dead letters")


def assert_nothing_is_left(worker: WorkerProcess, broker: BrokerSettings) -> None:
    """Every message was acknowledged: a stopped worker would give back what was not."""
    worker.release()
    worker.terminate()
    with QueueReader(broker) as reader:
        assert reader.take_all(Queue.CAMPAIGNS) == []
        assert reader.take_all(Queue.DEAD) == []


def test_a_handled_message_is_acknowledged_measured_and_logged_with_its_ids(
    worker: WorkerProcess, clean_broker: BrokerSettings
) -> None:
    campaign = worker.send("succeed")
    wait_until(lambda: "task done" in worker.output(), "the task is done")
    (record,) = [record for record in worker.records() if record["event"] == "task done"]
    assert record["service"] == "example"
    assert record["task"] == "campaigns.plan"
    assert record["campaign_id"] == campaign
    assert record["request_id"] == "succeed"
    assert 'fanfare_task_duration_seconds_count{outcome="success",task="campaigns.plan"} 1.0' in worker.metrics()
    assert_nothing_is_left(worker, clean_broker)


@pytest.mark.parametrize(("behaviour", "outcome"), [("crash", "crash"), ("lease_lost", "lease_lost")])
def test_a_failed_message_is_dead_lettered_once_and_the_log_keeps_its_secrets(
    worker: WorkerProcess, clean_broker: BrokerSettings, behaviour: str, outcome: str
) -> None:
    campaign = worker.send(behaviour)
    wait_for_dead(clean_broker, 1)
    assert len(worker.calls()) == 1
    assert f'fanfare_task_duration_seconds_count{{outcome="{outcome}",task="campaigns.plan"}} 1.0' in worker.metrics()
    (record,) = [record for record in worker.records() if record["level"] == "error"]
    assert "example_service.py" in record["exception"]
    assert campaign not in record["exception"], "it stands in the error's second line"


def test_a_retryable_error_is_acknowledged_because_the_sweep_repeats_it(
    worker: WorkerProcess, clean_broker: BrokerSettings
) -> None:
    worker.send("outage")
    wait_until(lambda: "task dropped" in worker.output(), "the task is dropped")
    worker.send("succeed")
    worker.wait_for_calls(2)
    assert 'outcome="ledger_unavailable"' in worker.metrics()
    assert_nothing_is_left(worker, clean_broker)


def test_a_killed_childs_message_is_delivered_again_and_its_live_gauges_go(
    worker: WorkerProcess, clean_broker: BrokerSettings
) -> None:
    campaign = worker.send("hold")
    ((killed, _, _),) = worker.wait_for_calls(1)
    assert list((worker.folder / "metrics").glob(f"gauge_live*_{killed}.db"))
    os.kill(killed, signal.SIGKILL)
    again = worker.wait_for_calls(2)[1]
    assert again[1] == campaign
    assert again[0] != killed
    worker.metrics()
    assert not list((worker.folder / "metrics").glob(f"gauge_live*_{killed}.db"))
    assert_nothing_is_left(worker, clean_broker)


def test_each_child_holds_one_message_and_the_rest_wait_for_whoever_is_free(
    worker: WorkerProcess, clean_broker: BrokerSettings
) -> None:
    for _ in range(5):
        worker.send("hold")
    worker.wait_for_calls(2)
    with QueueReader(clean_broker) as reader:
        wait_until(lambda: reader.depth(Queue.CAMPAIGNS) == 3, "three messages are still the broker's")
    assert len(worker.calls()) == 2
    worker.release()
    worker.wait_for_calls(5)


def test_a_child_is_replaced_after_its_share_of_messages_and_leaves_its_counts(start_worker: StartWorker) -> None:
    worker = start_worker(worker_max_tasks_per_child="1", worker_concurrency="1")
    worker.wait_until_connected()
    for _ in range(3):
        worker.send("succeed")
    pids = {pid for pid, _, _ in worker.wait_for_calls(3)}
    assert len(pids) == 3
    count = 'fanfare_task_duration_seconds_count{outcome="success",task="campaigns.plan"} 3.0'
    wait_until(lambda: count in worker.metrics(), "three messages are counted")
    wait_until(lambda: not any(is_alive(pid) for pid in pids), "the three children are gone")
    assert count in worker.metrics()
    assert not any(list((worker.folder / "metrics").glob(f"*_{pid}.db")) for pid in pids)


def test_sigterm_lets_a_message_finish_and_takes_no_other(worker: WorkerProcess, clean_broker: BrokerSettings) -> None:
    worker.send("hold")
    worker.send("hold")
    worker.wait_for_calls(2)
    worker.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "shutting down" in worker.output(), "the shutdown has begun")
    worker.send("succeed")
    worker.release()
    assert worker.process.wait(60) == 0
    assert len(worker.calls()) == 2
    assert not worker.ready_file.exists()
    assert not worker.heartbeat.exists()
    with QueueReader(clean_broker) as reader:
        assert len(reader.take_all(Queue.CAMPAIGNS)) == 1


def test_sigterm_gives_back_what_does_not_finish_in_time(
    start_worker: StartWorker, clean_broker: BrokerSettings
) -> None:
    worker = start_worker(worker_shutdown_seconds="1")
    worker.wait_until_connected()
    worker.send("hold")
    worker.wait_for_calls(1)
    assert worker.terminate() == 0
    with QueueReader(clean_broker) as reader:
        wait_until(lambda: reader.depth(Queue.CAMPAIGNS) == 1, "the message is back")
        assert reader.take_all(Queue.DEAD) == []


def test_a_worker_needs_no_permission_but_to_read_and_declares_nothing(
    start_worker: StartWorker, clean_broker: BrokerSettings, broker_management: BrokerManagement
) -> None:
    vhost = vhost_of(clean_broker)
    exchanges = {exchange["name"] for exchange in broker_management.exchanges(vhost)}
    with broker_management.user(vhost, configure="^$", write="^$", read="^(campaigns|maintenance)$") as credentials:
        worker = start_worker(credentials.settings(clean_broker))
        worker.wait_until_connected()
        worker.send("succeed")
        worker.send("crash")
        worker.wait_for_calls(2)
        wait_for_dead(clean_broker, 1)
    assert {queue["name"] for queue in broker_management.queues(vhost)} == {queue.value for queue in Queue}
    assert {exchange["name"] for exchange in broker_management.exchanges(vhost)} == exchanges


def test_beat_publishes_on_its_schedule(start_worker: StartWorker) -> None:
    worker = start_worker(example_beat="1")
    worker.wait_until_connected()
    assert worker.wait_for_calls(2)[1][2] == "daily"


def test_beat_leaves_no_file(start_worker: StartWorker) -> None:
    worker = start_worker(example_beat="1")
    worker.wait_for_calls(1)
    worker.terminate()
    assert {file.name for file in worker.folder.iterdir()} == {"calls", "log", "metrics"}


def test_a_queue_that_is_not_the_services_is_refused(start_worker: StartWorker) -> None:
    worker = start_worker(worker_queues="campaigns,push.high")
    assert worker.process.wait(60) != 0
    assert re.search(r"push\.high: this service consumes campaigns, maintenance", worker.output())

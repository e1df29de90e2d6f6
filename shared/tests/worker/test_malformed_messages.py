"""Whatever lies on a queue and fits no contract ends in `dead`, body and all, and the worker goes on."""

from typing import Any

import pytest
from kombu import Connection

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.testing.brokers import QueueReader
from fanfare_shared.testing.worker_process import WorkerProcess


def publish_raw(broker: BrokerSettings, body: bytes, content_type: str, headers: dict[str, Any]) -> None:
    with Connection(broker.broker_url.get_secret_value()) as connection, connection.channel() as channel:
        message = channel.prepare_message(body, content_type=content_type, content_encoding="utf-8", headers=headers)
        channel.basic_publish(message, exchange="", routing_key=Queue.CAMPAIGNS.value)


def task_headers(**changes: Any) -> dict[str, Any]:
    headers = {"task": "campaigns.plan", "id": "1", "lang": "py", "retries": 0}
    return {name: value for name, value in (headers | changes).items() if value is not ...}


@pytest.mark.parametrize(
    ("body", "content_type", "headers"),
    [
        pytest.param(b"[[], {}, {}]", "application/json", task_headers(task="no.such.task"), id="unknown task"),
        pytest.param(b"[[], {}, {}]", "application/json", task_headers(task="no.such", id=...), id="unknown, no id"),
        pytest.param(b"[[], {}, {}]", "application/json", task_headers(task="celery.map"), id="one of Celery's own"),
        pytest.param(b"\x80\x04N.", "application/x-python-serialize", task_headers(), id="pickle"),
        pytest.param(b"\x80\x04N.", "application/x-python-serialize", {}, id="pickle without headers"),
        pytest.param(b"[[], {}, {}]", "application/yaml", task_headers(), id="unknown content type"),
        pytest.param(b"{not json", "application/json", task_headers(), id="undecodable"),
        pytest.param(b"{not json", "application/json", {}, id="undecodable without headers"),
        pytest.param(b"\xff\xfe", "application/json", task_headers(), id="not UTF-8"),
        pytest.param(b'{"some": "json"}', "application/json", {}, id="not a task"),
        pytest.param(b"[[], {}, {}]", "application/json", task_headers(id=...), id="no id"),
        pytest.param(b"[[], {}, {}]", "application/json", task_headers(eta="soon"), id="bad header"),
        pytest.param(b"[[], {}, {}]", "application/json", task_headers(timelimit="long"), id="bad time limit"),
        pytest.param(b"[[], {}, {}]", "application/json", task_headers(expires="2020-01-01T00:00:00Z"), id="expired"),
        pytest.param(b'[[], {}, {"chain": [{}]}]', "application/json", task_headers(), id="a chain"),
        pytest.param(b"17", "application/json", task_headers(), id="body of another shape"),
        pytest.param(b"[[], {}]", "application/json", task_headers(), id="short body"),
        pytest.param(b"[[], [], {}]", "application/json", task_headers(), id="arguments of another shape"),
        pytest.param(b"[[], {}, {}]", "application/json", task_headers(), id="no message"),
        pytest.param(b'[[], {"message": {"version": 2}}, {}]', "application/json", task_headers(), id="newer version"),
        pytest.param(b'[[], {"message": "x"}, {}]', "application/json", task_headers(), id="message of another shape"),
    ],
)
def test_a_message_that_fits_no_contract_is_dead_lettered_and_the_worker_goes_on(
    shared_worker: WorkerProcess,
    broker_settings: BrokerSettings,
    body: bytes,
    content_type: str,
    headers: dict[str, Any],
) -> None:
    before = len(shared_worker.calls())
    publish_raw(broker_settings, body, content_type, headers)
    with QueueReader(broker_settings) as reader:
        dead = reader.take(Queue.DEAD).body
    assert (dead.encode() if isinstance(dead, str) else dead) == body
    shared_worker.send("succeed")
    assert len(shared_worker.wait_for_calls(before + 1)) == before + 1

"""The daily health check asks real servers, and says which does not answer."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from pydantic import SecretStr

from fanfare_orchestrator.schedule.health import check_health
from fanfare_shared.settings import BrokerSettings, StorageSettings
from fanfare_shared.worker.app import make_app


@pytest.fixture
def app(clean_broker: BrokerSettings) -> Celery:
    return make_app("health-test", clean_broker)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Nobody else can have it meanwhile, and nobody listens on it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])


@pytest.fixture
def any_answer() -> Iterator[str]:
    """An HTTP server that knows nothing but to answer, with 501."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_servers_that_answer_are_ok_and_what_is_not_set_is_not_asked(
    office: Any, maintenance: Any, app: Celery, any_answer: str, tmp_path: Path
) -> None:
    folder = tmp_path / "with space"
    folder.mkdir()
    run = check_health(maintenance(fcm_endpoint=any_answer, storage_url=folder.as_uri()), app)
    assert set(run.result) == {"postgresql", "rabbitmq", "redis", "fcm", "storage"}
    # How full this machine's disk is, is not for the test to say.
    assert [problem for problem in run.problems if not problem.startswith("storage: UnavailableError")] == []
    assert run.result["fcm"]["detail"] == "HTTP 501"
    assert "GB free" in run.result["storage"]["detail"]
    assert all(state["milliseconds"] >= 0 for state in run.result.values())


def test_servers_that_do_not_answer_are_problems_by_name(
    office: Any, maintenance: Any, closed_port: int, tmp_path: Path
) -> None:
    no_folder = tmp_path / "file"
    no_folder.touch()
    context = maintenance(
        fcm_endpoint=f"https://127.0.0.1:{closed_port}",
        smtp_url=f"smtp://127.0.0.1:{closed_port}",
        storage_url=(no_folder / "storage").as_uri(),
    )
    elsewhere = {"redis_url": SecretStr(f"redis://:hidden@127.0.0.1:{closed_port}/0")}
    context = replace(context, settings=context.settings.model_copy(update=elsewhere))
    broken = make_app(
        "health-test", BrokerSettings(broker_url=SecretStr(f"amqp://guest:hidden@127.0.0.1:{closed_port}//"))
    )
    run = check_health(context, broken)
    assert run.result["postgresql"]["ok"]
    assert [problem.split(":")[0] for problem in run.problems] == ["rabbitmq", "redis", "fcm", "smtp", "storage"]
    assert "hidden" not in str(run)


def test_a_bucket_is_asked_whether_it_is_there(
    maintenance: Any, app: Celery, any_answer: str, s3_settings: StorageSettings
) -> None:
    there = check_health(maintenance(storage=s3_settings, fcm_endpoint=any_answer), app)
    assert there.result["storage"]["ok"]
    gone = s3_settings.model_copy(update={"storage_url": "s3://no-such-bucket/"})
    run = check_health(maintenance(storage=gone, fcm_endpoint=any_answer), app)
    assert [problem.split(":")[0] for problem in run.problems] == ["storage"]

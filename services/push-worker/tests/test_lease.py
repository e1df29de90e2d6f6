"""A batch that changes hands, is paused or loses its ledger while it is being sent."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fanfare_push_worker import transport
from fanfare_push_worker.sending import line
from fanfare_push_worker.sending.line import Line
from fanfare_push_worker.sending.send_batch import _make_sender
from fanfare_push_worker.transport import Transport
from fanfare_shared import metrics
from fanfare_shared.campaigns.batches import claim
from fanfare_shared.campaigns.retries import RetryKind
from fanfare_shared.db.connection import Ledger
from fanfare_shared.settings import DatabaseSettings
from fanfare_shared.testing.polling import wait_until
from fanfare_shared.testing.proxies import silenceable
from fcm_simulator.process import RunningSimulator
from harness.push_worker import Worker, make_process


@contextmanager
def sending(worker: Worker, received: int = 1) -> Iterator[None]:
    """The batch is being sent by a thread, and FCM has got `received` requests; afterwards the thread is through."""
    thread = threading.Thread(target=worker.send)
    thread.start()
    try:
        wait_until(lambda: worker.simulator.client.counts().received >= received, "requests at FCM")
        yield
    finally:
        thread.join(60)
        assert not thread.is_alive()


def execute(worker: Worker, statement: str) -> None:
    with worker.ledger.statement() as connection:
        connection.execute(statement)


def test_a_worker_whose_batch_was_claimed_by_another_stops_and_writes_nothing(worker: Worker) -> None:
    worker.simulator.client.script(latency={"ms": 8_000})
    worker.campaign(1000)
    with sending(worker):
        execute(worker, "UPDATE batches SET epoch = epoch + 1")
        before = len(worker.deliveries())
    assert len(worker.deliveries()) == before
    received = worker.simulator.client.counts().received
    assert received <= 100
    batch = worker.batch()
    assert (batch["status"], batch["epoch"]) == ("leased", 2)
    assert batch["accepted"] == before


def test_a_worker_that_wakes_up_after_its_lease_starts_no_request(worker: Worker) -> None:
    world = worker.campaign(100)
    with worker.ledger.transaction() as connection:
        claimed = claim(connection, world.batch_id, "asleep", 30)
    assert claimed is not None
    sender = _make_sender(worker.process, claimed, time.monotonic() - 31)
    assert sender is not None
    Line(worker.process.transport, lambda: None, lambda _ending: None).run(sender)
    assert worker.simulator.client.counts().received == 0
    assert worker.deliveries() == []


def test_after_a_pause_nothing_starts_and_what_was_in_flight_is_recorded(worker: Worker) -> None:
    worker.simulator.client.script(latency={"ms": 300})
    worker.campaign(2000)
    with sending(worker):
        execute(worker, "UPDATE campaigns SET status = 'paused'")
        started = worker.batch()["started"]
    batch = worker.batch()
    assert (batch["status"], batch["worker"]) == ("ready", None)
    received = worker.simulator.client.counts().received
    assert received == batch["started"] == len(worker.deliveries()) < 2000
    assert batch["started"] <= started + worker.process.settings.chunk_size, "one write may have been under way"


def test_a_pause_takes_back_what_waits_for_a_connection(
    worker_settings: dict[str, Any], worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_CONNECT_TIMEOUT_MS", 200_000)  # a pause does not wait for it
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = make_process(worker_settings, fcm_endpoint=f"https://localhost:{silent.getsockname()[1]}")
        process.transport = Transport(1, 200.0, worker.simulator.ca_file, metrics.push_request_duration)
        worker = Worker(process, worker.ledger, worker.simulator)
        worker.campaign(150)
        thread = threading.Thread(target=worker.send)
        thread.start()
        try:
            wait_until(lambda: worker.batch()["started"] == 100, "a window full of requests")
            execute(worker, "UPDATE campaigns SET status = 'paused'")
        finally:
            thread.join(60)
            assert not thread.is_alive()
            process.close()
    batch = worker.batch()
    assert (batch["status"], len(batch["retry_positions"])) == ("ready", 100)
    assert set(batch["retry_kinds"]) == {RetryKind.DEFERRED}
    assert worker.app_row()["pause_reason"] is None


def test_resume_sends_to_nobody_twice_and_misses_nobody(worker: Worker) -> None:
    worker.simulator.client.script(latency={"ms": 200})
    worker.campaign(500)
    with sending(worker):
        execute(worker, "UPDATE campaigns SET status = 'paused'")
    execute(worker, "UPDATE campaigns SET status = 'processing'")
    worker.send_follow_up(worker.world.batch_id)
    counts = worker.simulator.client.counts()
    assert (counts.accepted_tokens, counts.duplicate_accepts) == (500, 0)
    assert worker.batch()["status"] == "closed"


def test_a_dead_predecessors_chunk_is_sent_again_and_the_rest_goes_on(worker: Worker) -> None:
    world = worker.campaign(100)
    with worker.ledger.transaction() as connection:
        claim(connection, world.batch_id, "dead", 30)
    execute(worker, "UPDATE batches SET started = 50, due_at = now() - interval '1 second'")
    worker.send()
    assert len(worker.deliveries()) == 50
    (follow_up,) = worker.follow_ups()
    assert (follow_up["device_ids"], follow_up["ambiguous"]) == (world.device_ids[:50], True)


def test_the_stop_flag_gives_the_batch_back_with_nothing_ambiguous(worker: Worker) -> None:
    worker.simulator.client.script(latency={"ms": 300})
    worker.campaign(2000)
    with sending(worker):
        worker.process.stop_flag.set()
    batch = worker.batch()
    assert batch["status"] == "ready"
    assert batch["started"] == len(worker.deliveries()) == worker.simulator.client.counts().received
    assert batch["retry_positions"] == []


def test_published_batches_of_the_campaign_follow_in_the_same_task(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "FOLLOW_SECONDS", 60.0)
    world = worker.campaign(600)
    with worker.ledger.transaction() as connection:
        connection.execute("UPDATE batches SET device_ids = device_ids[1:200], size = 200")
        for first in (201, 401):
            connection.execute(
                """
                INSERT INTO batches (campaign_id, app_id, priority, device_ids, size, status, due_at)
                SELECT campaign_id, app_id, priority, %s, 200, 'published', now() FROM batches WHERE id = %s
                """,
                (world.device_ids[first - 1 : first + 199], world.batch_id),
            )
    worker.send()
    assert {row["status"] for row in worker.rows("SELECT status FROM batches")} == {"closed"}
    counts = worker.simulator.client.counts()
    assert (counts.accepted_tokens, counts.duplicate_accepts) == (600, 0)
    assert worker.row()["accepted"] == 600


def test_while_the_ledger_is_gone_nothing_is_lost_and_nothing_sent_twice(
    worker_settings: dict[str, Any],
    clean_ledger: Ledger,
    database_settings: DatabaseSettings,
    simulator: RunningSimulator,
) -> None:
    with silenceable(database_settings.database_url.get_secret_value()) as (proxy, url):
        process = make_process(worker_settings, database_url=url)
        worker = Worker(process, clean_ledger, simulator)
        simulator.client.script(latency={"ms": 300})
        worker.campaign(1000)
        with sending(worker, received=200):
            proxy.refuse()
            time.sleep(2)
            proxy.admit()
        process.close()
    counts = simulator.client.counts()
    assert (counts.received, counts.accepted_tokens) == (1000, 1000)
    assert worker.statuses() == ["accepted"] * 1000
    assert worker.batch()["status"] == "closed"


@pytest.mark.parametrize("window", [100, 37])
def test_what_may_be_sent_twice_is_never_more_than_the_window(
    worker_settings: dict[str, Any], clean_ledger: Ledger, simulator: RunningSimulator, window: int
) -> None:
    process = make_process(worker_settings, push_window=window, push_chunk_size=0)
    worker = Worker(process, clean_ledger, simulator)
    simulator.client.script(latency={"ms": 100})
    worker.campaign(1500)
    exposed = []
    with sending(worker):
        while worker.batch()["status"] == "leased":
            (row,) = worker.rows(
                """
                SELECT started - (SELECT count(*) FROM deliveries d WHERE d.campaign_id = b.campaign_id) AS exposed
                FROM batches b
                """
            )
            exposed.append(row["exposed"])
    process.close()
    assert 0 < max(exposed) <= window

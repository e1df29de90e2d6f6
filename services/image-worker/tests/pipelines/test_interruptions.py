"""What comes in between: a pause, a shutdown, servers that go away, a lease that is lost, a purge."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from fanfare_shared.contracts.words import Lane
from fanfare_shared.settings import DatabaseSettings, StorageSettings
from fanfare_shared.testing.proxies import silenceable
from harness.image_worker import ImageWorker, MakeWorker
from harness.images.photos import jpeg

PHOTOS = [jpeg(64, 48, seed=seed) for seed in range(4)]


def when_stored(worker: ImageWorker, monkeypatch: pytest.MonkeyPatch, number: int, event: Callable[[], object]) -> None:
    """Runs `event` once, when the variant of this number (from 1) has been stored."""
    put, stored = type(worker.storage).put, []

    def then(self: object, key: str, *rest: Any, **options: Any) -> None:
        put(self, key, *rest, **options)  # type: ignore[arg-type] # it is the storage
        stored.append(key)
        if len(stored) == number:
            event()

    monkeypatch.setattr(type(worker.storage), "put", then)


def execute(worker: ImageWorker, statement: str) -> Callable[[], object]:
    def run() -> None:
        with worker.ledger.statement() as connection:
            connection.execute(statement)

    return run


@pytest.mark.parametrize("status", ["paused", "cancelling"])
def test_a_stopped_job_s_batch_is_given_back_where_it_stands(
    worker: ImageWorker, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    worker.upload(PHOTOS)
    when_stored(worker, monkeypatch, 2, execute(worker, f"UPDATE image_jobs SET status = '{status}'"))
    worker.work()
    assert [item["status"] for item in worker.items()] == ["succeeded", "succeeded", "pending", "pending"]
    batch = worker.batch()
    assert (batch["status"], batch["worker"], batch["succeeded"]) == ("ready", None, 2)
    worker.publish()
    worker.work()
    assert worker.batch()["status"] == "ready", "nobody works on it meanwhile"
    execute(worker, "UPDATE image_jobs SET status = 'processing'")()
    worker.publish()
    worker.work()
    assert [(item["status"], item["attempts"], item["deaths"]) for item in worker.items()] == [("succeeded", 1, 0)] * 4
    assert worker.row()["succeeded"] == 4


def test_a_shutdown_gives_the_batch_back_after_the_image_under_way(
    worker: ImageWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.upload(PHOTOS, lane=Lane.BULK)
    when_stored(worker, monkeypatch, 1, worker.process.stop_flag.set)
    worker.work()
    assert [item["status"] for item in worker.items()] == ["succeeded", "pending", "pending", "pending"]
    batch = worker.batch()
    assert (batch["status"], batch["worker"], batch["succeeded"]) == ("ready", None, 1)


def test_storage_that_goes_away_fails_no_image(make_worker: MakeWorker, s3_settings: StorageSettings) -> None:
    with silenceable(s3_settings.storage_s3_endpoint or "") as (proxy, endpoint):
        settings = s3_settings.model_dump(exclude_unset=True) | {"storage_s3_endpoint": endpoint}
        worker = make_worker(**settings, storage_timeout_seconds=1)
        worker.upload(PHOTOS[:2])
        proxy.refuse()
        worker.work()
        assert worker.outcomes() == [("pending", None)] * 2
        assert worker.rows("SELECT status, due_at > now() AS later FROM image_batches") == [
            {"status": "ready", "later": True}
        ]
        proxy.admit()
        worker.publish()
        worker.work()
    assert [(item["status"], item["attempts"], item["deaths"]) for item in worker.items()] == [("succeeded", 1, 0)] * 2


def test_a_ledger_that_goes_away_gets_the_outcome_when_it_is_back(
    make_worker: MakeWorker, database_settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        proxy, url = stack.enter_context(silenceable(database_settings.database_url.get_secret_value()))
        worker = make_worker(database_url=url)
        worker.upload(PHOTOS[:2])
        when_stored(worker, monkeypatch, 1, proxy.refuse)
        waits: list[float] = []

        def back(seconds: float) -> None:
            waits.append(seconds)
            proxy.admit()

        monkeypatch.setattr("fanfare_image_worker.patience.time.sleep", back)
        worker.work()
        worker.process.close()
    assert waits, "it was away"
    assert [(item["status"], item["attempts"], item["deaths"]) for item in worker.items()] == [("succeeded", 1, 0)] * 2
    assert worker.batch()["status"] == "closed"
    assert worker.row()["succeeded"] == 2


def test_who_lost_the_lease_records_nothing(worker: ImageWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.upload(PHOTOS)
    taken = "UPDATE image_batches SET epoch = epoch + 1, worker = 'another'"
    when_stored(worker, monkeypatch, 2, execute(worker, taken))
    worker.work()
    assert [item["status"] for item in worker.items()] == ["succeeded", "pending", "pending", "pending"]
    batch = worker.batch()
    assert (batch["status"], batch["worker"], batch["succeeded"]) == ("leased", "another", 1)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM images", "IMAGE_UNKNOWN"),
        ("UPDATE originals SET key = NULL, dropped_at = now()", "ORIGINAL_DROPPED"),
        ("SELECT", "ORIGINAL_MISSING"),
    ],
)
def test_an_original_that_is_done_away_with_meanwhile_says_so(
    worker: ImageWorker, monkeypatch: pytest.MonkeyPatch, statement: str, code: str
) -> None:
    worker.upload(PHOTOS[:2])

    def do_away() -> None:
        execute(worker, statement)()
        worker.storage.delete([stored.key for stored in worker.storage.list("originals")])

    when_stored(worker, monkeypatch, 1, do_away)
    worker.work()
    assert worker.outcomes()[1] == ("failed", code)


def test_what_was_made_of_an_image_that_is_purged_meanwhile_is_doomed(
    worker: ImageWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.upload(PHOTOS[:1])
    when_stored(worker, monkeypatch, 1, execute(worker, "DELETE FROM images"))
    worker.work()
    assert worker.batch()["status"] == "closed"
    assert worker.rows("SELECT * FROM variants") == []
    (doomed,) = worker.rows("SELECT * FROM doomed_objects")
    assert worker.storage.head(doomed["key"]).size > 0

"""A run is made once, whoever is told of it and how often, and its row says what came of it."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded

from fanfare_orchestrator.schedule.context import RunContext
from fanfare_orchestrator.schedule.handler import register, run_work
from fanfare_orchestrator.schedule.runs import RunResult
from fanfare_orchestrator.schedule.works import works
from fanfare_shared.contracts.messages import RunScheduled
from fanfare_shared.db.connection import Ledger
from fanfare_shared.errors import InvalidMessageError, LedgerUnavailableError, StorageUnavailableError
from fanfare_shared.schedule import SCHEDULE
from fanfare_shared.worker.app import make_app

DUE = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def runs(office: Any) -> list[dict[str, Any]]:
    return list(office.rows("SELECT * FROM schedule_runs ORDER BY name, due_at"))


def test_every_work_of_the_schedule_is_done_by_something(clean_broker: Any) -> None:
    assert set(works(Celery())) == {work.name for work in SCHEDULE}


def test_two_beats_at_once_make_one_run(office: Any, other_ledger: Callable[[], Ledger], maintenance: Any) -> None:
    both_here, made = threading.Barrier(2), []

    def work(context: RunContext) -> RunResult:
        made.append(1)
        return RunResult({"made": 1})

    def tell(ledger: Ledger) -> None:
        both_here.wait(60)
        run_work(replace(maintenance(), ledger=ledger), "health_check", DUE, work)

    told = [threading.Thread(target=tell, args=(other_ledger(),)) for _ in range(2)]
    for thread in told:
        thread.start()
    for thread in told:
        thread.join(60)
    assert len(made) == 1
    (run,) = runs(office)
    assert (run["name"], run["due_at"], run["status"], run["result"]) == ("health_check", DUE, "SUCCESS", {"made": 1})
    assert run["finished_at"] >= run["started_at"]
    assert run["error"] is None


def test_what_a_work_finds_wrong_is_the_runs_error(office: Any, maintenance: Any) -> None:
    found = RunResult({"redis": {"ok": False}}, ["redis: refused", "smtp: refused"])
    assert run_work(maintenance(), "health_check", DUE, lambda *_: found)
    (run,) = runs(office)
    assert (run["status"], run["result"], run["error"]) == (
        "FAILURE",
        {"redis": {"ok": False}},
        "redis: refused; smtp: refused",
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [(psycopg.errors.DiskFull("no space"), "DiskFull: no space"), (SoftTimeLimitExceeded(), "time limit")],
)
def test_an_error_of_the_work_is_recorded(office: Any, maintenance: Any, error: Exception, words: str) -> None:
    def work(context: RunContext) -> RunResult:
        raise error

    assert run_work(maintenance(), "clean_history", DUE, work)
    (run,) = runs(office)
    assert run["status"] == "FAILURE"
    assert words in run["error"]


def test_a_run_whose_maker_died_is_taken_over_later_and_not_before(office: Any, maintenance: Any) -> None:
    def die(context: RunContext) -> RunResult:
        raise LedgerUnavailableError

    tell = (maintenance(), "clean_history", DUE)
    with pytest.raises(LedgerUnavailableError):
        run_work(*tell, die)
    assert not run_work(*tell, lambda *_: RunResult({}))
    office.execute("UPDATE schedule_runs SET started_at = now() - interval '11 minutes'")
    assert run_work(*tell, lambda *_: RunResult({"again": True}))
    (run,) = runs(office)
    assert (run["status"], run["result"]) == ("SUCCESS", {"again": True})
    assert not run_work(*tell, lambda *_: RunResult({}))


def test_a_message_about_unknown_work_fits_no_contract(office: Any, maintenance: Any, clean_broker: Any) -> None:
    app = make_app("schedule-test", clean_broker)
    register(app, maintenance)
    with pytest.raises(InvalidMessageError, match="no scheduled work named 'dance'"):
        app.tasks[RunScheduled.task].handler(RunScheduled(name="dance", due_at=DUE))
    assert not runs(office)


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_run_is_recorded_as_what_it_was_asked_to_be(
    office: Any, maintenance: Any, clean_broker: Any, dry_run: bool
) -> None:
    app = make_app("schedule-test", clean_broker)
    register(app, maintenance)
    message = RunScheduled(name="clean_history", due_at=DUE, dry_run=dry_run)
    app.tasks[RunScheduled.task].handler(message)
    (run,) = runs(office)
    assert (run["status"], run["dry_run"]) == ("SUCCESS", dry_run)


def test_a_storage_that_does_not_answer_is_the_runs_error(office: Any, maintenance: Any) -> None:
    def work(context: RunContext) -> RunResult:
        raise StorageUnavailableError("Storage: no answer")

    assert run_work(maintenance(), "expire_uploads", DUE, work)
    (run,) = runs(office)
    assert (run["status"], run["error"]) == ("FAILURE", "Storage: no answer")

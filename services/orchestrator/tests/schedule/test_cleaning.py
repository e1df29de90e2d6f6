"""What is past its time goes, what is not stays."""

from typing import Any

import pytest

from fanfare_orchestrator.schedule import cleaning
from fanfare_orchestrator.schedule.cleaning import clean_history, clean_idempotency_keys


def test_idempotency_keys_go_after_their_hours(office: Any, maintenance: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "_CHUNK_ROWS", 3)
    office.execute(
        "INSERT INTO idempotency_keys (api_key_id, key, request_digest, status, body, created_at)"
        " SELECT gen_random_uuid(), n::text, '', 200, '', now() - n * interval '1 hour' FROM generate_series(1, 20) AS n"
    )
    run = clean_idempotency_keys(maintenance(idempotency_hours=10))
    assert (run.result, run.problems) == ({"deleted": 11}, [])
    kept = office.rows("SELECT key FROM idempotency_keys ORDER BY created_at DESC")
    assert [row["key"] for row in kept] == [str(hour) for hour in range(1, 10)]


def test_audit_dead_letters_and_runs_go_after_their_days(office: Any, maintenance: Any) -> None:
    for days in (1, 29, 31):
        age = f"now() - interval '{days} days'"
        office.execute(f"INSERT INTO audit_log (actor, action, subject, at) VALUES ('me', 'did', '{days}', {age})")
        office.execute(
            "INSERT INTO dead_letters (id, source, reason, created_at)"
            f" VALUES (gen_random_uuid(), 'message', '{days}', {age})"
        )
        office.execute(
            f"INSERT INTO schedule_runs (name, due_at, status, started_at) VALUES ('{days}', now(), 'SUCCESS', {age})"
        )
    run = clean_history(maintenance(audit_days=30))
    assert run.result == {"deleted": {"audit_log": 1, "dead_letters": 1, "schedule_runs": 1}}
    assert [row["subject"] for row in office.rows("SELECT subject FROM audit_log ORDER BY at DESC")] == ["1", "29"]
    assert {row["reason"] for row in office.rows("SELECT reason FROM dead_letters")} == {"1", "29"}
    assert {row["name"] for row in office.rows("SELECT name FROM schedule_runs")} == {"1", "29"}


def test_a_dry_run_counts_and_keeps(office: Any, maintenance: Any) -> None:
    office.execute(
        "INSERT INTO idempotency_keys (api_key_id, key, request_digest, status, body, created_at)"
        " SELECT gen_random_uuid(), n::text, '', 200, '', now() - n * interval '1 hour' FROM generate_series(1, 20) AS n"
    )
    run = clean_idempotency_keys(maintenance(idempotency_hours=10, dry_run=True))
    assert run.result == {"deleted": 11}
    assert len(office.rows("SELECT FROM idempotency_keys")) == 20

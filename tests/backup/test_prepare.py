"""What the runbook does to a restored ledger before the fleet sees it, row by row."""

from collections.abc import Callable
from typing import Any

import pytest

from fanfare_shared.db.connection import Connection, Ledger, the_row
from fanfare_shared.ids import uuid7
from fanfare_shared.settings import DatabaseSettings

SOON, LATER = "now() + interval '20 minutes'", "now() + interval '2 days'"


@pytest.fixture
def prepared(
    clean_ledger: Ledger,
    database_settings: DatabaseSettings,
    restored: DatabaseSettings,
    runbook_of: Callable[..., Any],
) -> Callable[[Callable[[Connection], None]], Ledger]:
    """Fills a ledger, backs it up, restores and prepares it; the restored one."""

    def prepare(fill: Callable[[Connection], None]) -> Ledger:
        with clean_ledger.transaction() as connection:
            fill(connection)
        runbook_of(database_settings).run("backup", "restore", "prepare")
        return Ledger(restored, "test")

    return prepare


def campaign(connection: Connection, title: str, status: str, scheduled_at: str = "NULL") -> None:
    connection.execute(
        f"""
        INSERT INTO campaigns (id, app_id, title, message, priority, target, ttl_seconds, delivery, dry_run, created_by, status,
                               scheduled_at, due_at)
        SELECT %s, id, %s, '', 'normal', '{{}}', 60, 'at_least_once', false, 'test', %s, {scheduled_at}, {scheduled_at}
        FROM apps
        """,
        (uuid7(), title, status),
    )


def image_job(connection: Connection, operation: str, status: str, scheduled_at: str = "NULL") -> None:
    connection.execute(
        f"""
        INSERT INTO image_jobs (id, operation, parameters, target, lane, status, created_by, scheduled_at, due_at)
        VALUES (%s, %s, '{{}}', '{{}}', 'images.bulk', %s, 'test', {scheduled_at}, {scheduled_at})
        """,
        (uuid7(), operation, status),
    )


def probe(connection: Connection, kind: str) -> None:
    connection.execute(
        "INSERT INTO probes (id, kind, app_id, due_at) SELECT %s, %s, id, now() FROM apps", (uuid7(), kind)
    )


def fill(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO apps (id, name, firebase_project_id, credentials_secret, quota_per_minute, webhook_secret_encrypted)"
        " VALUES (%s, 'a', 'a', 'file', 600, '')",
        (uuid7(),),
    )
    campaign(connection, "under way", "processing")
    campaign(connection, "to start soon", "scheduled", SOON)
    campaign(connection, "to start later", "scheduled", LATER)
    campaign(connection, "over", "completed")
    campaign(connection, "stopping", "cancelling")
    image_job(connection, "purge", "processing")
    image_job(connection, "upload", "processing")
    image_job(connection, "trash", "scheduled", SOON)
    probe(connection, "campaign_test")
    probe(connection, "app_check")
    connection.execute(
        "INSERT INTO devices (app_id, user_id, token, token_digest, platform) SELECT id, 'u', 't', '\\x00', 'ios' FROM apps"
    )


def test_only_what_would_go_on_by_itself_and_do_harm_is_stopped(prepared: Callable[..., Ledger]) -> None:
    ledger = prepared(fill)
    with ledger.transaction() as connection:
        campaigns = dict(
            connection.execute("SELECT title, status || coalesce(' ' || pause_reason, '') FROM campaigns").fetchall()
        )
        due = connection.execute("SELECT title FROM campaigns WHERE due_at IS NOT NULL").fetchall()
        jobs = dict(
            connection.execute(
                "SELECT operation, status || coalesce(' ' || pause_reason, '') FROM image_jobs"
            ).fetchall()
        )
        (waits,) = the_row(
            connection.execute("SELECT due_at > now() + interval '23 hours' FROM image_jobs WHERE operation = 'trash'")
        )
        probes = dict(connection.execute("SELECT kind, due_at IS NOT NULL FROM probes").fetchall())
        again = the_row(
            connection.execute(
                "INSERT INTO devices (app_id, user_id, token, token_digest, platform)"
                " SELECT id, 'v', 'v', '\\x01', 'ios' FROM apps RETURNING id > 10000000"
            )
        )
    ledger.close()
    assert campaigns == {
        "under way": "paused LEDGER_RESTORED",
        "to start soon": "draft",
        "to start later": "scheduled",
        "over": "completed",
        "stopping": "cancelling",
    }
    assert due == [("to start later",)]
    assert jobs == {"purge": "paused LEDGER_RESTORED", "upload": "processing", "trash": "scheduled"}
    assert waits
    assert probes == {"campaign_test": False, "app_check": True}
    assert again == (True,), "numbers that were given out since the backup are not given out again"

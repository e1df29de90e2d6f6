"""Claiming a notification: once, with a lease, and with the attempt counted before the work."""

from typing import Any
from uuid import uuid4

from fanfare_orchestrator.notifications.claims import backoff_seconds, claim, record_delivered, record_failed


def test_a_claimed_notification_is_not_claimed_again_while_its_lease_holds(
    desk: Any, office: Any, other_ledger: Any
) -> None:
    notification_id = desk.notification("webhook", "https://example.com/")
    with office.context.ledger.statement() as connection:
        claimed = claim(connection, notification_id)
    assert claimed is not None
    assert (claimed.attempts, desk.row(notification_id)["status"]) == (1, "STARTED")
    with other_ledger().statement() as connection:
        assert claim(connection, notification_id) is None
        office.execute("UPDATE notifications SET due_at = now()")
        again = claim(connection, notification_id)
    assert again is not None
    assert again.attempts == 2


def test_what_an_overtaken_worker_records_is_void(desk: Any, office: Any) -> None:
    notification_id = desk.notification("webhook", "https://example.com/")
    with office.context.ledger.transaction() as connection:
        overtaken = claim(connection, notification_id)
        assert overtaken is not None
        connection.execute("UPDATE notifications SET due_at = now()")
        assert claim(connection, notification_id) is not None
        record_delivered(connection, overtaken)
        assert not record_failed(connection, overtaken, "too late", retryable=False)
    row = desk.row(notification_id)
    assert (row["status"], row["attempts"], row["last_error"]) == ("STARTED", 2, None)
    assert not desk.dead_letters()


def test_a_notification_that_is_gone_is_nothing_to_do(office: Any) -> None:
    with office.context.ledger.statement() as connection:
        assert claim(connection, uuid4()) is None


def test_backoff_doubles_from_ten_seconds_to_an_hour() -> None:
    for attempts, seconds in ((1, 10), (2, 20), (5, 160), (10, 3600), (1000, 3600)):
        assert 0.75 * seconds <= backoff_seconds(attempts) <= 1.25 * seconds

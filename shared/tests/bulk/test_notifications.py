import json
from datetime import UTC, datetime
from typing import Any

import pytest

from fanfare_shared.bulk.notifications import JobEvent, notifications_for
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.ids import uuid7


def ended_campaign(**changes: Any) -> dict[str, Any]:
    counts = {"accepted": 7, "invalid_token": 1, "failed": 2, "expired": 3, "cancelled": 4, "unknown": 5}
    return {
        "id": uuid7(),
        "app_id": uuid7(),
        "title": "Sale",
        "status": "cancelled",
        "pause_reason": None,
        "error_code": None,
        "error_message": None,
        "dry_run": False,
        "errors": {"UNREGISTERED": 1},
        "started_at": datetime(2026, 1, 1, tzinfo=UTC),
        "completed_at": None,
        "webhook_url": None,
        "notify_email": None,
        "total": 22,
        **counts,
        **changes,
    }


def test_nobody_is_told_when_no_target_is_given() -> None:
    assert notifications_for(CAMPAIGNS, ended_campaign(), JobEvent.CANCELLED) == []


def test_a_webhook_and_an_email_are_two_rows_with_their_own_ids() -> None:
    campaign = ended_campaign(webhook_url="https://example.org/hook", notify_email="ops@example.org")
    rows = notifications_for(CAMPAIGNS, campaign, JobEvent.CANCELLED)
    assert [(row["kind"], row["target"], row["event"]) for row in rows] == [
        ("webhook", "https://example.org/hook", "campaign.cancelled"),
        ("email", "ops@example.org", "campaign.cancelled"),
    ]
    assert len({row["id"] for row in rows}) == 2
    assert all(row["payload"]["id"] == str(row["id"]) for row in rows)


def test_the_payload_is_json_with_the_account_in_the_words_of_stats() -> None:
    (row,) = notifications_for(CAMPAIGNS, ended_campaign(notify_email="ops@example.org"), JobEvent.CANCELLED)
    payload = json.loads(json.dumps(row["payload"]))
    assert (payload["total_recipients"], payload["sent"], payload["success"], payload["failure"]) == (22, 15, 7, 8)
    assert (payload["expired"], payload["cancelled"], payload["errors"]) == (3, 4, {"UNREGISTERED": 1})
    assert payload["started_at"] == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize("status", [status for status in JobStatus if status.is_final])
def test_every_final_status_is_notified(status: JobStatus) -> None:
    (row,) = notifications_for(CAMPAIGNS, ended_campaign(notify_email="a@b.c"), JobEvent.of_status(status))
    assert row["event"] == f"campaign.{status}"


def test_a_campaign_that_only_processes_is_no_event() -> None:
    with pytest.raises(ValueError, match="processing"):
        JobEvent.of_status(JobStatus.PROCESSING)

"""What a dashboard sees while a campaign runs: events, stats that add up at every look, and the same account as CSV."""

import csv
import io
import json
from datetime import datetime
from itertools import pairwise
from typing import Any

from harness.client import FINAL
from harness.company import Company

_OUTCOMES = ("success", "invalid_token", "failed", "expired", "cancelled", "unknown")


def assert_adds_up(stats: dict[str, Any]) -> None:
    """At any moment, with what is pending."""
    assert stats["total_recipients"] == stats["pending"] + sum(stats[name] for name in _OUTCOMES), stats
    assert stats["pending"] >= 0, stats
    assert stats["sent"] == stats["success"] + stats["failure"], stats
    assert stats["failure"] == stats["invalid_token"] + stats["failed"] + stats["unknown"], stats


def assert_never_goes_back(before: dict[str, Any], after: dict[str, Any]) -> None:
    for name in ("total_recipients", "sent", *_OUTCOMES):
        assert after[name] >= before[name], (name, before, after)
    assert (after["progress"] or 0) >= (before["progress"] or 0) or not before["total_recipients"], (before, after)


def add_devices_with_errors_and_retries(company: Company, number: int) -> None:
    """A tenth has no good token, three have a foreign one, and three are taken at the second try, a second later."""
    for kind, share in {"device": number, "dead": number // 10, "mismatch": 3, "refused": 3}.items():
        company.add_devices(share, kind)
    company.simulator.script(
        patterns=[
            {"contains": "-dead-", "outcomes": ["unregistered"]},
            {"contains": "-mismatch-", "outcomes": ["sender_id_mismatch"]},
            {"contains": "-refused-", "outcomes": [{"outcome": "quota_exceeded", "retry_after": 1}, "accept"]},
        ]
    )


def test_events_tell_of_a_campaign_from_its_start_to_its_end_and_close(company: Company) -> None:
    company.add_devices(1000)
    campaign = company.client.create_campaign(company.app_id, rate_per_second=200)
    events: list[dict[str, Any]] = []
    with company.client.http.stream("GET", f"/v1/campaigns/{campaign}/events", timeout=120) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data: "):
                events.append(json.loads(line.removeprefix("data: ")))
                if len(events) == 1:
                    company.client.send(campaign)
    assert (events[0]["status"], events[0]["progress"], events[0]["sent"]) == ("draft", None, 0)
    assert (events[-1]["status"], events[-1]["progress"], events[-1]["sent"]) == ("completed", 100, 1000)
    assert [event["status"] in FINAL for event in events].index(True) == len(events) - 1
    assert any(0 < event["sent"] < 1000 for event in events)
    for before, after in pairwise(events):
        assert_never_goes_back(before, after)
    for event in events:
        assert_adds_up(event)
    assert events[-1] == company.client.stats(campaign)


def test_stats_add_up_at_every_look_during_errors_and_retries(company: Company) -> None:
    add_devices_with_errors_and_retries(company, 4000)
    campaign = company.send(rate_per_second=1000)
    looks = [company.client.stats(campaign)]
    while looks[-1]["status"] not in FINAL:
        looks.append(company.client.stats(campaign))
        assert_adds_up(looks[-1])
        assert_never_goes_back(looks[-2], looks[-1])
    assert len({look["sent"] for look in looks}) > 5
    stats = company.finish(campaign)
    assert stats["success"] == company.simulator.counts().accepted == 4003
    assert stats["errors"] == {"UNREGISTERED": 400, "SENDER_ID_MISMATCH": 3}


def test_the_csv_is_the_deliveries(company: Company) -> None:
    add_devices_with_errors_and_retries(company, 600)
    campaign = company.send()
    company.finish(campaign)
    text = company.client.http.get(f"/v1/campaigns/{campaign}/deliveries.csv").raise_for_status().text
    listed = sorted(company.deliveries(campaign), key=lambda row: row["device_id"])
    assert [_typed(row) for row in csv.DictReader(io.StringIO(text))] == [_typed(row) for row in listed]
    assert company.prefix not in text
    some = company.client.http.get(f"/v1/campaigns/{campaign}/deliveries.csv", params={"status": "failed"}).text
    assert [row["error_code"] for row in csv.DictReader(io.StringIO(some))] == ["SENDER_ID_MISMATCH"] * 3


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    """CSV has no types: numbers as text, nothing as an empty cell, and moments compared as moments."""
    plain = {name: "" if value is None else str(value) for name, value in row.items() if name != "sent_at"}
    return plain | {"sent_at": datetime.fromisoformat(row["sent_at"]) if row["sent_at"] else None}

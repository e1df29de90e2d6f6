"""Every line that any process writes is an object that says where it is from, and ids lead from one service to the next."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from harness.story import BATCH_SIZE, DEAD_DEVICES, DEVICES, Story

REQUIRED = {"service", "event", "level", "logger", "timestamp"}
SERVICES = {
    "api",
    "orchestrator",
    "orchestrator-sweep",
    "orchestrator-dead-letters",
    "orchestrator-slow-work",
    "push-worker",
    "image-worker",
}
"""The orchestrator's companions and every child write to the log of the process that started them."""


def logs(story: Story) -> Iterator[Path]:
    return (log for log in story.fleet.folder.glob("*.log") if log.stem != "simulator")


@pytest.fixture(scope="session")
def lines(story: Story) -> list[dict[str, Any]]:
    """Of every process. Fails at the first that is no JSON."""
    return [_object(log, line) for log in logs(story) for line in log.read_text().splitlines()]


def _object(log: Path, line: str) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except json.JSONDecodeError:
        pytest.fail(f"{log.name}: no JSON: {line[:500]}")


def test_every_line_of_every_process_is_an_object_with_the_required_fields(lines: list[dict[str, Any]]) -> None:
    assert {line["service"] for line in lines} == SERVICES
    for line in lines:
        assert line.keys() >= REQUIRED, line
        assert line["level"] in {"debug", "info", "warning", "error", "critical"}
        assert datetime.fromisoformat(line["timestamp"]).utcoffset() is not None


def test_nothing_unforeseen_is_logged(lines: list[dict[str, Any]]) -> None:
    """The dead letter of the story is foreseen, and so are images and devices that fail."""
    assert [line for line in lines if "exception" in line] == []


def test_a_campaign_is_followed_through_the_services_by_its_id(story: Story, lines: list[dict[str, Any]]) -> None:
    found = [line for line in lines if line.get("campaign_id") == story.campaign_id]
    done = {(line["service"], line["task"]) for line in found if line["event"] == "task done"}
    assert done == {
        ("orchestrator", "campaigns.plan"),
        ("orchestrator", "campaigns.settle"),
        ("push-worker", "push.send_batch"),
    }
    events = {(line["service"], line["event"]) for line in found}
    assert ("api", "work committed; its hint follows") in events
    assert any(event == "job ended" for _, event in events), events


def test_how_each_batch_ended_is_told_with_its_epoch_and_its_account(story: Story, lines: list[dict[str, Any]]) -> None:
    ended = [line for line in lines if line["event"] == "batch ended" and line["campaign_id"] == story.campaign_id]
    closed = [line["batch_id"] for line in ended if line["ending"] == "closed"]
    assert len(closed) == len(set(closed)) == -(-(DEVICES + DEAD_DEVICES) // BATCH_SIZE)
    assert all(line["epoch"] >= 1 for line in ended)
    assert sum(line.get("accepted", 0) for line in ended) == DEVICES
    assert sum(line.get("invalid_token", 0) for line in ended) == DEAD_DEVICES


def test_the_requests_id_reaches_planning_sending_and_settling(story: Story, lines: list[dict[str, Any]]) -> None:
    found = [line for line in lines if line.get("request_id") == story.request_id]
    assert {line.get("campaign_id", story.campaign_id) for line in found} == {story.campaign_id}
    assert {(line["service"], line.get("task")) for line in found} >= {
        ("api", "campaigns.plan"),
        ("orchestrator", "campaigns.plan"),
        ("push-worker", "push.send_batch"),
        ("orchestrator", "campaigns.settle"),
    }


def test_an_upload_is_followed_by_its_job_and_its_failure_by_batch_and_epoch(
    story: Story, lines: list[dict[str, Any]]
) -> None:
    found = [line for line in lines if line.get("job_id") == story.image_job_id]
    assert {line["service"] for line in found} >= {"api", "image-worker", "orchestrator"}
    assert len({line["request_id"] for line in found if "request_id" in line}) == 1
    (failure,) = [line for line in found if line["event"] == "image failed"]
    assert failure["code"] == "IMAGE_CORRUPT"
    assert (failure["level"], failure["epoch"]) == ("warning", 1)
    assert {"batch_id", "image_id", "lane", "task"} <= failure.keys()


def test_what_is_logged_under_a_span_names_its_trace(story: Story, lines: list[dict[str, Any]]) -> None:
    sent = [line for line in lines if line["event"] == "batch ended" and line["campaign_id"] == story.campaign_id]
    assert {line["trace_id"] for line in sent} == {story.trace_id}


def test_no_secret_and_no_token_is_in_a_log_or_in_a_trace(story: Story) -> None:
    said = {log.name: log.read_text() for log in logs(story)}
    said["the traces"] = b"".join(story.collector.bodies).decode(errors="replace")
    for name, text in said.items():
        assert {secret for secret, value in story.secrets.items() if value in text} == set(), name

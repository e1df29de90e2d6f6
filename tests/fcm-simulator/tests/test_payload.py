"""Payloads are validated as FCM does, whatever the script says."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from fcm_simulator.client import SimulatorClient

Send = Callable[..., httpx.Response]


def violations(answer: httpx.Response) -> list[str]:
    found = [item for item in answer.json()["error"].get("details", []) if "fieldViolations" in item]
    return [violation["field"] for item in found for violation in item["fieldViolations"]]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"unknown": 1}, "message"),
        ({"notification": {"titel": "x"}}, "message.notification"),
        ({"data": {"a": "b", "n": 5}}, "message.data[1].value"),
        ({"data": {"nested": {"a": "b"}}}, "message.data[0].value"),
        ({"android": {"ttl": 5}}, "message.android.ttl"),
        ({"android": {"notification": {"title_loc_args": ["a", 1]}}}, "message.android.notification.title_loc_args[1]"),
        ({"apns": {"payload": "text"}}, "message.apns.payload"),
        ({"topic": "news"}, "message"),
        ({"data": {"google.x": "reserved"}}, "message.data"),
        ({"data": {"key": "x" * 4096}}, "message.data"),
        ({"notification": {"body": "é" * 2050}}, "message.data"),
        ({"apns": {"payload": {"aps": {"alert": "x" * 4096}}}}, "message.data"),
    ],
)
def test_a_bad_payload_is_a_400_that_names_the_field(
    control: SimulatorClient, send: Send, message: dict[str, Any], field: str
) -> None:
    answer = send("device-000000001", **message)

    assert answer.status_code == 400
    assert violations(answer) == [field]
    counts = control.counts()
    assert (counts.accepted, counts.outcomes) == (0, {"rejected": 1})


@pytest.mark.parametrize(
    "message",
    [
        {"data": {"key": "x" * 4093}},
        {"android": {"collapseKey": "a", "ttl": "60s", "priority": "HIGH"}},
        {"android": {"collapse_key": "a", "notification": {"clickAction": "a"}}},
        {"notification": None},
        {"apns": {"payload": {"aps": {"badge": 1}, "custom": [1, {"a": True}]}}},
    ],
)
def test_a_valid_payload_is_accepted(send: Send, message: dict[str, Any]) -> None:
    assert send("device-000000001", **message).status_code == 200
    assert send("device-000000002", **message).status_code == 200


def test_a_bad_payload_stays_bad_after_a_valid_one_for_the_same_token(send: Send) -> None:
    assert send("device-000000001", data={"a": "b"}).status_code == 200
    assert send("device-000000001", data={"a": 1}).status_code == 400


def test_a_message_without_a_target_is_refused(send: Send) -> None:
    assert send("", data={"a": "b"}).status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b'{"message": 1}', b'{"message": {"token": 5}}'])
def test_what_is_no_message_is_refused(http: httpx.Client, control: SimulatorClient, body: bytes) -> None:
    control.script(oauth={"required": False})

    assert http.post("/v1/projects/demo/messages:send", content=body).status_code == 400

"""Which outcome a send gets, and what each looks like."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from fanfare_shared.testing.polling import wait_until
from fcm_simulator.client import SimulatorClient

Send = Callable[..., httpx.Response]

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


def details(answer: httpx.Response, kind: str) -> dict[str, Any] | None:
    found = [item for item in answer.json()["error"].get("details", []) if item["@type"].endswith(kind)]
    return found[0] if found else None


@pytest.mark.parametrize(
    ("outcome", "code", "status", "error_code"),
    [
        ("unregistered", 404, "NOT_FOUND", "UNREGISTERED"),
        ("invalid_token", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        ("invalid_token_field", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        ("invalid_argument", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        ("invalid_payload", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        ("sender_id_mismatch", 403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
        ("third_party_auth_error", 401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
        ("quota_exceeded", 429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
        ("internal", 500, "INTERNAL", "INTERNAL"),
        ("unavailable", 503, "UNAVAILABLE", "UNAVAILABLE"),
        ("deadline_exceeded", 504, "DEADLINE_EXCEEDED", None),
        ("permission_denied", 403, "PERMISSION_DENIED", None),
        ("not_found", 404, "NOT_FOUND", None),
        ("unauthenticated", 401, "UNAUTHENTICATED", None),
    ],
)
def test_an_error_has_googles_body(
    control: SimulatorClient, send: Send, outcome: str, code: int, status: str, error_code: str | None
) -> None:
    control.script(mix={outcome: 1})

    answer = send()

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (code, code, status)
    assert error["message"]
    fcm_error = details(answer, "FcmError")
    assert (fcm_error and fcm_error["errorCode"]) == error_code
    assert "retry-after" not in answer.headers
    counts = control.counts()
    assert (counts.accepted, counts.outcomes) == (0, {outcome: 1})


@pytest.mark.parametrize(
    ("outcome", "field"),
    [("invalid_token", None), ("invalid_token_field", "message.token"), ("invalid_payload", "message.android")],
)
def test_a_400_names_the_field_or_not(control: SimulatorClient, send: Send, outcome: str, field: str | None) -> None:
    control.script(mix={outcome: 1})

    bad_request = details(send(), "BadRequest")

    assert (bad_request and bad_request["fieldViolations"][0]["field"]) == field


def test_a_502_is_html(control: SimulatorClient, send: Send) -> None:
    control.script(mix={"bad_gateway": 1})

    answer = send()

    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith("text/html")
    assert "<!DOCTYPE html>" in answer.text


def test_retry_after_is_added_where_asked_for(control: SimulatorClient, send: Send) -> None:
    control.script(tokens={"device-1": [{"outcome": "unavailable", "retry_after": 7}]})

    assert send().headers["retry-after"] == "7"


def test_an_answer_of_ones_own_replaces_fcms(control: SimulatorClient, send: Send) -> None:
    control.script(mix=[{"outcome": "internal", "status": 418, "body": "tea", "headers": {"x-pot": "1"}}])

    answer = send()

    assert (answer.status_code, answer.text, answer.headers["x-pot"]) == (418, "tea", "1")
    assert control.counts().outcomes == {"internal": 1}


def test_an_accept_names_a_message_of_its_own(send: Send) -> None:
    names = {send("device-1").json()["name"], send("device-2").json()["name"]}

    assert len(names) == 2
    assert all(name.startswith("projects/demo/messages/") for name in names)


def test_a_tokens_outcomes_come_in_turn_and_the_last_one_stays(control: SimulatorClient, send: Send) -> None:
    control.script(tokens={"device-1": ["unavailable", "internal", "accept", "unregistered"]})

    assert [send().status_code for _ in range(5)] == [503, 500, 200, 404, 404]
    assert send("device-2").status_code == 200


def test_each_token_of_a_pattern_goes_through_its_outcomes(control: SimulatorClient, send: Send) -> None:
    control.script(
        patterns=[
            {"prefix": "android-", "contains": "slow", "outcomes": ["unavailable", "accept"]},
            {"contains": "invalid", "outcomes": ["unregistered"]},
        ]
    )

    assert [send(token).status_code for token in ("android-slow-1", "android-slow-2", "android-slow-1")] == [
        503,
        503,
        200,
    ]
    assert send("ios-invalid").status_code == 404
    assert send("ios-slow").status_code == 200


def test_a_mix_is_drawn_by_weight_and_repeats_with_its_seed(control: SimulatorClient, send: Send) -> None:
    script = {"mix": {"accept": 9, "internal": 1}, "seed": 5}
    control.script(**script)
    first = [send().status_code for _ in range(60)]
    control.script(**script)
    second = [send().status_code for _ in range(60)]

    assert first == second
    assert set(first) == {200, 500}
    assert first.count(200) > first.count(500)


def test_latency_is_kept(control: SimulatorClient, send: Send) -> None:
    control.script(latency={"distribution": "uniform", "ms": 100, "max_ms": 150})

    started = time.monotonic()
    send("slow")

    assert time.monotonic() - started >= 0.1


def test_latency_can_differ_by_token(control: SimulatorClient, send: Send) -> None:
    control.script(latency={"ms": 600_000}, tokens={"fast": [{"outcome": "accept", "latency": {"ms": 0}}]})

    assert send("fast").status_code == 200


def test_a_lognormal_latency_stays_below_its_ceiling(control: SimulatorClient, send: Send) -> None:
    control.script(latency={"distribution": "lognormal", "ms": 5, "sigma": 2, "max_ms": 50}, seed=1)

    assert {send(f"device-{number}").status_code for number in range(20)} == {200}


@pytest.mark.parametrize(("outcome", "accepted"), [("accept_then_time_out", 1), ("time_out", 0)])
def test_an_unanswered_send_counts_as_accepted_or_not(
    control: SimulatorClient, http: httpx.Client, outcome: str, accepted: int
) -> None:
    control.script(tokens={"device-1": [outcome]}, oauth={"required": False})

    with pytest.raises(httpx.ReadTimeout):
        http.post(
            "/v1/projects/demo/messages:send",
            json={"message": {"token": "device-1"}},
            timeout=httpx.Timeout(60, read=0.5),
        )

    wait_until(lambda: control.token("device-1").received == 1, "the send has come in")
    assert control.token("device-1").model_dump() == {"received": 1, "accepted": accepted}
    assert http.get("/healthz").status_code == 200


def test_validate_only_is_never_a_delivery(control: SimulatorClient, send: Send) -> None:
    to_token = send("device-1", validate_only=True)
    to_topic = send("", validate_only=True, topic="probe")

    assert to_token.json() == to_topic.json() == {"name": "projects/demo/messages/fake_message_id"}
    counts = control.counts()
    assert (counts.accepted, counts.validated) == (0, 2)


def test_a_topic_has_outcomes_of_its_own(control: SimulatorClient, send: Send) -> None:
    control.script(mix={"invalid_token": 1}, topic=["accept", "invalid_argument"])

    assert send("device-1").status_code == 400
    assert send("", topic="probe", validate_only=True).status_code == 200
    assert send("", topic="probe", validate_only=True).status_code == 400

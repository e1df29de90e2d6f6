"""The control API: what was counted, and how bad requests are answered."""

import time
from collections.abc import Callable

import httpx
import pytest

from fcm_simulator.client import SimulatorClient

Send = Callable[..., httpx.Response]


def test_it_says_who_got_nothing_and_who_got_two(control: SimulatorClient, send: Send) -> None:
    for token in ("device-1", "device-2", "device-2", "device-2", "device-3", "device-3"):
        send(token)

    missing = control.missing(["device-0", "device-1", "device-4"])
    assert (missing.total, missing.tokens) == (2, ["device-0", "device-4"])
    duplicates = control.duplicates()
    assert duplicates.counts == {"device-2": 3, "device-3": 2}
    assert (duplicates.tokens, duplicates.extra_accepts, duplicates.most) == (2, 3, 3)
    counts = control.counts()
    assert (counts.accepted, counts.accepted_tokens) == (6, 3)
    assert (counts.duplicate_tokens, counts.duplicate_accepts) == (2, 3)


def test_lists_are_limited_and_totals_are_not(control: SimulatorClient, send: Send) -> None:
    for token in ("a-1", "a-1", "a-2", "a-2", "b-1"):
        send(token)

    assert len(control.duplicates(limit=1).counts) == 1
    assert control.duplicates(limit=1).tokens == 2
    accepted = control.accepted("a-", limit=1)
    assert (accepted.total, accepted.tokens) == (2, ["a-1"])
    assert control.missing(["x", "y"], limit=1).model_dump() == {"total": 2, "tokens": ["x"]}


def test_a_refused_send_is_received_and_not_accepted(control: SimulatorClient, send: Send) -> None:
    control.script(tokens={"device/1?": ["unregistered"]})
    send("device/1?")

    assert control.token("device/1?").model_dump() == {"received": 1, "accepted": 0}
    assert control.accepted().total == 0


def test_the_time_of_the_last_request_is_known(control: SimulatorClient, send: Send) -> None:
    assert control.counts().last_received_at is None
    before = time.time()
    send()
    after = time.time()
    counts = control.counts()

    assert counts.first_received_at == counts.last_received_at
    assert counts.last_received_at is not None
    assert before <= counts.last_received_at <= after


def test_requests_are_recorded_when_asked_for(control: SimulatorClient, send: Send) -> None:
    send("before")
    control.script(record_requests=2, tokens={"device-2": ["internal"]})
    for token in ("device-1", "device-2", "device-3"):
        send(token)

    kept = control.requests()
    assert [(request.target, request.outcome) for request in kept] == [("device-2", "internal"), ("device-3", "accept")]
    assert kept[0].at <= kept[1].at
    assert control.requests(offset=1) == kept[1:]


def test_a_change_leaves_the_rest_of_the_script(control: SimulatorClient) -> None:
    control.script(latency={"ms": 5}, seed=1)

    changed = control.change_script(seed=2)

    assert (changed.latency.ms, changed.seed) == (5, 2)
    assert control.script().latency.ms == 0


def test_a_reset_forgets_counts_and_the_script_unless_told_otherwise(control: SimulatorClient, send: Send) -> None:
    control.script(mix={"unregistered": 1}, quota={"per_minute": 1})
    send()
    control.reset(script=False)
    assert control.counts().received == 0
    assert send().status_code == 404

    control.reset()
    assert send().status_code == 200


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"latencey": {}}, "latencey"),
        ({"mix": {"no_such_outcome": 1}}, "mix"),
        ({"mix": {"accept": 0}}, "weight"),
        ({"tokens": {"a": []}}, "tokens"),
        ({"latency": {"distribution": "uniform", "ms": 5}}, "max_ms"),
        ({"patterns": [{"outcomes": ["accept"]}]}, "prefix"),
    ],
)
def test_a_script_that_makes_no_sense_is_refused_and_changes_nothing(
    control: SimulatorClient, fields: dict[str, object], said: str
) -> None:
    control.script(seed=7)

    with pytest.raises(httpx.HTTPStatusError, match=said) as raised:
        control.change_script(**fields)

    assert raised.value.response.status_code == 400
    assert control.change_script().seed == 7


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/control/nothing", 404),
        ("POST", "/control/counts", 404),
        ("POST", "/control/missing", 400),
        ("GET", "/control/duplicates?limit=all", 400),
        ("GET", "/control/timeline?project=unseen", 400),
        ("GET", "/v1/projects/demo/messages:send", 404),
        ("GET", "/elsewhere", 404),
    ],
)
def test_a_call_that_makes_no_sense_gets_an_error_that_says_so(
    control: SimulatorClient, http: httpx.Client, method: str, path: str, status: int
) -> None:
    answer = http.request(method, path)

    assert answer.status_code == status
    assert answer.json()["error"]["message"]

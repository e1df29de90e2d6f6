"""The fault listener, seen by libcurl: what each fault looks like, and that each call is one request."""

import io
import json
import ssl
from typing import NamedTuple

import httpx
import pycurl
import pytest

from fcm_simulator.client import SimulatorClient
from fcm_simulator.process import RunningSimulator

_TIMEOUT_MS = 60_000
CURLE_HTTP2_STREAM = 92  # pycurl has no name for it: https://curl.se/libcurl/c/libcurl-errors.html


class Result(NamedTuple):
    """`error` is libcurl's code, 0 for none."""

    status: int
    error: int
    body: bytes


class Curl:
    """One libcurl handle, kept for several calls. A body that `rewinds` may be sent again by libcurl itself."""

    def __init__(self, simulator: RunningSimulator, version: int, *, rewinds: bool) -> None:
        self._handle = pycurl.Curl()
        self._simulator = simulator
        self._version = version
        self._rewinds = rewinds
        self._access_token = simulator.client.access_token()

    def send(self, token: str) -> Result:
        handle, answer = self._handle, io.BytesIO()
        body = json.dumps({"message": {"token": token}}).encode()
        handle.reset()
        handle.setopt(pycurl.URL, f"{self._simulator.fault_url}/v1/projects/demo/messages:send")
        handle.setopt(pycurl.CAINFO, str(self._simulator.ca_file))
        handle.setopt(pycurl.HTTP_VERSION, self._version)
        handle.setopt(pycurl.HTTPHEADER, [f"authorization: Bearer {self._access_token}", "expect:"])
        handle.setopt(pycurl.TIMEOUT_MS, _TIMEOUT_MS)
        handle.setopt(pycurl.WRITEDATA, answer)
        handle.setopt(pycurl.POST, 1)
        if self._rewinds:
            handle.setopt(pycurl.POSTFIELDS, body)
        else:
            handle.setopt(pycurl.POSTFIELDSIZE, len(body))
            handle.setopt(pycurl.READFUNCTION, io.BytesIO(body).read)
            handle.setopt(pycurl.SEEKFUNCTION, lambda _offset, _origin: pycurl.SEEKFUNC_FAIL)
        try:
            handle.perform()
        except pycurl.error as error:
            return Result(0, error.args[0], answer.getvalue())
        return Result(handle.getinfo(pycurl.RESPONSE_CODE), 0, answer.getvalue())


@pytest.fixture
def curl(simulator: RunningSimulator) -> Curl:
    return Curl(simulator, pycurl.CURL_HTTP_VERSION_2_0, rewinds=False)


# Which of these libcurl says depends on whether it was reading or writing when the connection went.
GONE = {pycurl.E_RECV_ERROR, pycurl.E_SEND_ERROR, pycurl.E_SEND_FAIL_REWIND}
FAULTS = {
    "goaway": {pycurl.E_HTTP2, *GONE},
    "goaway_unprocessed": {pycurl.E_SEND_FAIL_REWIND},
    "rst_stream": {CURLE_HTTP2_STREAM},
    "refused_stream": {pycurl.E_SEND_FAIL_REWIND},
    "drop": {pycurl.E_HTTP2, *GONE},
    "half_answer": {pycurl.E_PARTIAL_FILE},
    "tls_close": {pycurl.E_HTTP2, *GONE},
}


@pytest.mark.parametrize("reused", [False, True], ids=["new-connection", "reused-connection"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_call_that_meets_a_fault_fails_and_is_one_request(
    control: SimulatorClient, curl: Curl, fault: str, reused: bool
) -> None:
    control.script(wire={"tokens": {"device-1": [fault]}})
    if reused:
        assert curl.send("before").status == 200

    result = curl.send("device-1")

    assert result.error in FAULTS[fault]
    assert control.token("device-1").received == 1
    assert control.counts().outcomes[f"wire_{fault}"] == 1


@pytest.mark.parametrize(("accepted", "count"), [(True, 1), (False, 0)])
def test_whether_the_message_was_accepted_before_the_fault_is_scripted(
    control: SimulatorClient, curl: Curl, accepted: bool, count: int
) -> None:
    control.script(wire={"mix": [{"outcome": "drop", "accepted": accepted}]})

    curl.send("device-1")

    assert control.token("device-1").accepted == count


def test_a_half_answer_is_half_of_an_accept(control: SimulatorClient, curl: Curl) -> None:
    control.script(wire={"mix": {"half_answer": 1}})

    assert curl.send("device-1").body.startswith(b'{"name":"projects/demo/')
    assert control.token("device-1").accepted == 1


def test_libcurl_left_alone_sends_again_after_a_goaway(control: SimulatorClient, simulator: RunningSimulator) -> None:
    careless = Curl(simulator, pycurl.CURL_HTTP_VERSION_2_0, rewinds=True)
    control.script(wire={"tokens": {"device-1": [{"outcome": "goaway", "accepted": True}, "none"]}})
    careless.send("before")

    assert careless.send("device-1").status == 200
    assert control.duplicates().counts == {"device-1": 2}


def test_a_stopped_listener_refuses_connections_until_it_is_started(control: SimulatorClient, curl: Curl) -> None:
    control.script(wire={"listening": False})

    assert curl.send("device-1").error == pycurl.E_COULDNT_CONNECT

    control.script()
    assert curl.send("device-1").status == 200
    assert control.token("device-1").received == 1


def test_stopping_the_listener_ends_its_connections(control: SimulatorClient, curl: Curl) -> None:
    assert curl.send("device-1").status == 200
    control.script(wire={"listening": False})

    assert curl.send("device-1").error in {pycurl.E_COULDNT_CONNECT, pycurl.E_HTTP2, *GONE}
    assert control.token("device-1").received == 1


def test_without_a_fault_the_ordinary_script_answers(control: SimulatorClient, curl: Curl) -> None:
    control.script(latency={"ms": 20}, mix={"unregistered": 1})

    result = curl.send("device-1")

    assert result.status == 404
    assert b"UNREGISTERED" in result.body


def test_it_speaks_http_1_too(control: SimulatorClient, simulator: RunningSimulator) -> None:
    curl = Curl(simulator, pycurl.CURL_HTTP_VERSION_1_1, rewinds=False)
    control.script(wire={"tokens": {"device-1": ["drop"], "device-2": ["half_answer"]}})

    assert [curl.send("before").status, curl.send("before").status] == [200, 200]
    assert curl.send("device-1").error in GONE
    assert curl.send("device-2").error == pycurl.E_PARTIAL_FILE
    assert control.token("device-1").received == control.token("device-2").received == 1


def test_the_token_endpoint_is_down_when_its_listener_is(control: SimulatorClient) -> None:
    account = control.credentials(listener="fault")
    context = ssl.create_default_context(cafile=control.ca_file)

    def ask() -> httpx.Response:
        return httpx.post(account["token_uri"], data={}, verify=context, timeout=60)

    assert ask().status_code == 400

    control.script(wire={"listening": False})

    with pytest.raises(httpx.ConnectError):
        ask()

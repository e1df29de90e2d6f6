"""One real simulator process for all tests here; each test finds it reset."""

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from fcm_simulator.client import SimulatorClient
from fcm_simulator.process import RunningSimulator, running_simulator

PROJECT = "demo"
Send = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    with running_simulator(tmp_path_factory.mktemp("fcm-simulator")) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: RunningSimulator) -> RunningSimulator:
    running.client.reset()
    return running


@pytest.fixture
def control(simulator: RunningSimulator) -> SimulatorClient:
    return simulator.client


@pytest.fixture(scope="session")
def http(running: RunningSimulator) -> Iterator[httpx.Client]:
    context = ssl.create_default_context(cafile=running.ca_file)
    with httpx.Client(base_url=running.url, http2=True, verify=context, timeout=60) as client:
        yield client


@pytest.fixture
def send(control: SimulatorClient, http: httpx.Client) -> Send:
    """Sends one message, given as its fields or by its token, with a valid access token."""
    access_token = control.access_token(PROJECT)

    def post(device: str = "device-1", *, validate_only: bool = False, **message: Any) -> httpx.Response:
        content: dict[str, Any] = {"message": {"token": device, **message} if device else message}
        if validate_only:
            content["validate_only"] = True
        return http.post(
            f"/v1/projects/{PROJECT}/messages:send",
            json=content,
            headers={"authorization": f"Bearer {access_token}"},
        )

    return post

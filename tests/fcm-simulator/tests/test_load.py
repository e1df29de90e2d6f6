"""Many sends in flight at once."""

import asyncio
import ssl
import time

import httpx

from fcm_simulator.client import SimulatorClient
from fcm_simulator.process import RunningSimulator

_SENDS = 400
_LATENCY_MS = 200


async def test_sends_in_flight_wait_side_by_side_and_each_is_counted(
    control: SimulatorClient, simulator: RunningSimulator
) -> None:
    control.script(latency={"ms": _LATENCY_MS}, oauth={"required": False})
    context = ssl.create_default_context(cafile=simulator.ca_file)
    tokens = [f"device-{number}" for number in range(_SENDS)]
    url = f"{simulator.url}/v1/projects/demo/messages:send"

    async with httpx.AsyncClient(http2=True, verify=context, timeout=120) as client:
        started = time.monotonic()
        answers = await asyncio.gather(*(client.post(url, json={"message": {"token": token}}) for token in tokens))
        elapsed = time.monotonic() - started

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["name"] for answer in answers}) == _SENDS
    assert control.missing(tokens).total == 0
    assert control.duplicates().tokens == 0
    assert elapsed < _SENDS * _LATENCY_MS / 1000 / 2  # one after the other takes all of it

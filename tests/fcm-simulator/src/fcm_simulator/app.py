"""The plain listener's application (RSGI): sends, access tokens, control, health."""

import asyncio
from typing import Protocol

from granian.rsgi import Scope

from fcm_simulator.answers import Answer
from fcm_simulator.control import PREFIX as CONTROL_PREFIX
from fcm_simulator.control import ControlApi
from fcm_simulator.simulator import Simulator, send_project


class Exchange(Protocol):
    """What is used of Granian's RSGI protocol object."""

    async def __call__(self) -> bytes: ...
    async def client_disconnect(self) -> None: ...
    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...


class App:
    """Calls no more than it must: this is the path that carries the benchmarks."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._sends = simulator.sends
        self._control = ControlApi(simulator)

    async def __rsgi__(self, scope: Scope, protocol: Exchange) -> None:
        body = await protocol()
        project = send_project(scope.method, scope.path)
        if project is None:
            await _respond(protocol, await self._other(scope, body))
            return
        sends = self._sends
        request = sends.read(body)
        now = sends.receive(request)
        answer, delay = sends.reply(project, scope.headers.get("authorization"), request, now)
        if delay:
            await asyncio.sleep(delay)
        if answer is None:
            await protocol.client_disconnect()
            return
        protocol.response_bytes(answer.status, answer.headers, answer.body)

    async def _other(self, scope: Scope, body: bytes) -> Answer | None:
        path, method = scope.path, scope.method
        if path.startswith(CONTROL_PREFIX):
            return await self._control.answer(method, path, scope.query_string, body)
        return self._simulator.answer(method, path, body)


async def _respond(protocol: Exchange, answer: Answer | None) -> None:
    if answer is None:
        await protocol.client_disconnect()
    else:
        protocol.response_bytes(answer.status, answer.headers, answer.body)

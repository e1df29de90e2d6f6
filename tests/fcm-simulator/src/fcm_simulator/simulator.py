"""The simulator's whole state, and the routes that both listeners serve."""

from typing import TYPE_CHECKING, NamedTuple

from fcm_simulator.answers import Answer, error, json_answer
from fcm_simulator.oauth import TOKEN_PATH, AccessTokens, TokenEndpoint
from fcm_simulator.script import Script
from fcm_simulator.sends import Sends
from fcm_simulator.service_accounts import ServiceAccounts
from fcm_simulator.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SEND_PREFIX = "/v1/projects/"
SEND_SUFFIX = "/messages:send"


_NOT_FOUND = error(404, "NOT_FOUND", "The requested URL was not found on this server.")
_HEALTHY = json_answer(200, {"status": "ok"})


class Ports(NamedTuple):
    """Where the two listeners are."""

    plain: int
    fault: int


class Simulator:
    """Everything that is remembered, in one process and one thread: no lock is needed."""

    def __init__(self, accounts: ServiceAccounts, ports: Ports) -> None:
        self._accounts = accounts
        self._ports = ports
        self.script = Script()
        self.followers: list[Callable[[Script], Awaitable[None]]] = []
        self.tally = Tally()
        self.access_tokens = AccessTokens()
        self.token_endpoint = TokenEndpoint(accounts, self.access_tokens)
        self.sends = Sends(self.tally, self.access_tokens)

    async def apply(self, script: Script) -> None:
        """Puts a script into force for every request from now on. Lists of outcomes start anew."""
        self.script = script
        self.sends.apply(script)
        self.token_endpoint.apply(script.oauth)
        for follow in self.followers:
            await follow(script)

    def answer(self, method: str, path: str, body: bytes) -> Answer | None:
        """The answer to a request that is no send; None is never to answer."""
        if path == TOKEN_PATH and method == "POST":
            return self.token_endpoint.answer(body)
        if path == "/healthz":
            return _HEALTHY
        return _NOT_FOUND

    def reset(self) -> None:
        """Forgets every count, timeline and quota window. Access tokens stay good."""
        self.tally.reset()
        self.sends.traffic.clear()
        self.token_endpoint.outcomes.clear()

    def credentials(self, project: str, *, on_fault_listener: bool) -> dict[str, str]:
        """A service account's JSON; its `token_uri` is on one of the listeners. Raises UnknownProjectError."""
        port = self._ports.fault if on_fault_listener else self._ports.plain
        return self._accounts.credentials(project, f"https://localhost:{port}{TOKEN_PATH}")


def send_project(method: str, path: str) -> str | None:
    """The project that a request sends to, None for any other request."""
    if method == "POST" and path.startswith(SEND_PREFIX) and path.endswith(SEND_SUFFIX):
        return path[len(SEND_PREFIX) : -len(SEND_SUFFIX)]
    return None

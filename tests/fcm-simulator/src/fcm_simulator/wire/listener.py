"""The second listener: it can be stopped, which refuses connections, and started again."""

import asyncio
import random
import ssl

from fcm_simulator.certificates import Certificates
from fcm_simulator.rules import Rulebook
from fcm_simulator.script import Script, WireOutcome
from fcm_simulator.simulator import Simulator
from fcm_simulator.wire.connection import FaultConnection

_NO_FAULT = WireOutcome()
_BACKLOG = 1024


class FaultListener:
    """Follows the script's `wire` section."""

    def __init__(self, simulator: Simulator, host: str, port: int, context: ssl.SSLContext) -> None:
        self._simulator = simulator
        self._host = host
        self._port = port
        self._context = context
        self._connections: set[FaultConnection] = set()
        self._server: asyncio.Server | None = None
        self._faults = Rulebook[WireOutcome](simulator.script.wire, _NO_FAULT, random.Random())

    async def follow(self, script: Script) -> None:
        """Puts the script's rules into force; returns once it listens, or no longer does."""
        self._faults = Rulebook[WireOutcome](script.wire, _NO_FAULT, random.Random(script.seed))
        for connection in self._connections:
            connection.use(self._faults)
        if script.wire.listening and self._server is None:
            self._server = await asyncio.get_running_loop().create_server(
                self._connection, self._host, self._port, ssl=self._context, backlog=_BACKLOG
            )
        elif not script.wire.listening:
            self.close()

    def close(self) -> None:
        """Stops listening and resets every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in [*self._connections]:
            connection.abort()

    def _connection(self) -> FaultConnection:
        return FaultConnection(self._simulator, self._faults, self._connections)


def server_context(certificates: Certificates) -> ssl.SSLContext:
    """TLS as the plain listener speaks it: HTTP/2, else HTTP/1.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificates.certificate_file, certificates.key_file)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context

"""Ports of the stack's own, on the loopback: chosen free at the first start, kept, and chosen anew when taken."""

import json
import random
import socket
from pathlib import Path

from fanfare_native.errors import StackError
from fanfare_native.layout import write_private

HOST = "127.0.0.1"
# Below the range that Linux hands out to outgoing connections (32768 and up), above the usual services'.
_FIRST, _LAST = 20000, 32000


class Ports:
    """The port of each listener by its name. A port is settled when it is first asked for."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, int] = json.loads(file.read_text()) if file.is_file() else {}
        self._settled: set[str] = set()

    def keep(self, part: str) -> None:
        """Says that this part is ours and runs, so its ports are not free and need not be."""
        self._settled.update(name for name in self._known if name == part or name.startswith(f"{part}."))

    def __getitem__(self, name: str) -> int:
        if name not in self._settled:
            if name not in self._known or not is_free(self._known[name]):
                self._known[name] = self._choose()
                write_private(self._file, json.dumps(self._known, indent=2) + "\n")
            self._settled.add(name)
        return self._known[name]

    def _choose(self) -> int:
        for port in random.sample(range(_FIRST, _LAST), 1000):
            if port not in self._known.values() and is_free(port):
                return port
        raise StackError(f"no free port between {_FIRST} and {_LAST} on {HOST}")


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True


async def answers(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((HOST, port)) == 0

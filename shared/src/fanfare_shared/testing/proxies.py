"""A TCP proxy that can go silent: a server behind it is then there but never answers."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import SplitResult, urlsplit


class SilenceableProxy:
    """Forwards to `target` until `silence()`; from then on it accepts and swallows, as a firewall that drops does."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._silent = threading.Event()
        self._refusing = threading.Event()
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def silence(self) -> None:
        self._silent.set()

    def speak(self) -> None:
        self._silent.clear()

    def refuse(self) -> None:
        """Closes every connection, now and when one is made."""
        self._refusing.set()

    def admit(self) -> None:
        self._refusing.clear()

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()
        self._close_connections()
        self._selector.close()
        self._listener.close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            if self._refusing.is_set():
                self._close_connections()
            for key, _ in self._selector.select(timeout=0.05):
                # An event before this one may have closed it.
                if key.fileobj is self._listener or key.fileobj in self._ends:
                    key.data()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return
        self._ends += [client, server]
        self._selector.register(client, selectors.EVENT_READ, partial(self._forward, client, server))
        self._selector.register(server, selectors.EVENT_READ, partial(self._forward, server, client))

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            received = source.recv(65536)
            if received and not self._silent.is_set():
                sink.sendall(received)
        except OSError:
            received = b""
        if not received:
            self._drop(source, sink)

    def _close_connections(self) -> None:
        self._drop(*self._ends)

    def _drop(self, *ends: socket.socket) -> None:
        for end in ends:
            self._ends.remove(end)
            self._selector.unregister(end)
            end.close()


@contextmanager
def silenceable(url: str) -> Iterator[tuple[SilenceableProxy, str]]:
    """A proxy before the server of this address, and the address through it."""
    parts = urlsplit(url)
    proxy = SilenceableProxy((parts.hostname or "127.0.0.1", parts.port or 5672))
    try:
        yield proxy, _through(parts, proxy.port).geturl()
    finally:
        proxy.close()


def _through(parts: SplitResult, port: int) -> SplitResult:
    user, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}{at}127.0.0.1:{port}")

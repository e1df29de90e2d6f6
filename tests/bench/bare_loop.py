"""The bare loop: pycurl multi, HTTP/2, distinct tokens; no database, no broker, no account. What Fanfare is held against.

Run as a program: `python -m bench.bare_loop URL CA COUNT CONNECTIONS WINDOW FIRST`; prints a JSON line with seconds and
CPU seconds.
"""

import json
import select
import sys
import time
from dataclasses import dataclass
from typing import Any

import pycurl

PATH = "/v1/projects/demo-project/messages:send"
_PREFIX = (
    b'{"message": {"notification": {"title": "News", "body": "Something happened"}, "android": {"priority": "normal", '
)
_PREFIX += b'"ttl": "2419200s", "notification": {"tag": "0190d7a0-0000-7000-8000-000000000000"}}, "token": "'
_SUFFIX = b'"}}'


@dataclass(frozen=True)
class Measured:
    seconds: float
    cpu_seconds: float
    answered: int


def run(url: str, ca: str, count: int, connections: int, window: int, first: int = 0, token: str = "t") -> Measured:
    """Sends `count` messages with `window` in flight on at most `connections`. Raises RuntimeError unless all get 200.

    On epoll with `socket_action`, which costs less a message than `perform` does with many in flight.
    """
    wire = _Wire(connections)
    free = [_handle(url, ca, token) for _ in range(window)]
    started, cpu = time.perf_counter(), time.process_time()
    sent = answered = 0
    while answered < count:
        while free and sent < count:
            handle = free.pop()
            handle.setopt(pycurl.POSTFIELDS, _PREFIX + _token(first + sent) + _SUFFIX)
            wire.multi.add_handle(handle)
            sent += 1
        wire.turn()
        answered += _collect(wire.multi, free)
    return Measured(time.perf_counter() - started, time.process_time() - cpu, answered)


class _Wire:
    """A curl multi on epoll."""

    def __init__(self, connections: int) -> None:
        self.multi = pycurl.CurlMulti()
        self.multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self.multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, connections)
        self.multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._epoll = select.epoll()
        self._watched: set[int] = set()

    def turn(self) -> None:
        due_ms = self.multi.timeout()  # asked for: libcurl's timer callback does not say all
        ready = self._epoll.poll(1.0 if due_ms < 0 else due_ms / 1000)
        for descriptor, events in ready:
            actions = (pycurl.CSELECT_IN if events & ~select.EPOLLOUT else 0) | (
                pycurl.CSELECT_OUT if events & select.EPOLLOUT else 0
            )
            self.multi.socket_action(descriptor, actions)
        if due_ms == 0 or not ready:
            self.multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def _watch(self, event: int, descriptor: int, _multi: Any, _data: Any) -> None:
        if event == pycurl.POLL_REMOVE:
            self._watched.discard(descriptor)
            self._epoll.unregister(descriptor)
            return
        events = (select.EPOLLIN if event & pycurl.POLL_IN else 0) | (select.EPOLLOUT if event & pycurl.POLL_OUT else 0)
        if descriptor in self._watched:
            self._epoll.modify(descriptor, events)
        else:
            self._watched.add(descriptor)
            self._epoll.register(descriptor, events)


def _token(number: int) -> bytes:
    return b"bench-%d-" % number + b"x" * 140


def _handle(url: str, ca: str, token: str) -> Any:
    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, url + PATH)
    handle.setopt(pycurl.CAINFO, ca)
    handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2_0)
    handle.setopt(pycurl.PIPEWAIT, 1)
    handle.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json", f"Authorization: Bearer {token}"])
    handle.setopt(pycurl.WRITEFUNCTION, len)
    return handle


def _collect(multi: Any, free: list[Any]) -> int:
    done = 0
    while True:
        queued, succeeded, failed = multi.info_read()
        if failed:
            raise RuntimeError(f"the bare loop failed: {failed[0][1:]}")
        for handle in succeeded:
            if handle.getinfo(pycurl.RESPONSE_CODE) != 200:
                raise RuntimeError(f"the sink answered {handle.getinfo(pycurl.RESPONSE_CODE)}")
            multi.remove_handle(handle)
            free.append(handle)
        done += len(succeeded)
        if not queued:
            return done


if __name__ == "__main__":
    _count, _connections, _window, _first = map(int, sys.argv[3:])
    print(json.dumps(vars(run(sys.argv[1], sys.argv[2], _count, _connections, _window, _first))))

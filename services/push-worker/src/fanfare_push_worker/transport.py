"""HTTP/2 to FCM: libcurl's multi interface on epoll, a few multiplexed connections, easy handles kept and reused.

It never sends a request twice. libcurl would, when a server drops the connection or sends GOAWAY; but a body that it
reads through a callback and cannot rewind makes that error 65 instead (`SEND_FAIL_REWIND`). Whether libcurl asked for
the body also tells, for every error there is, whether the request can have reached the server.
"""

import os
import select
import socket
import stat
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pycurl

_CONNECT_TIMEOUT_MS = 5_000
_EPOLL_FAULT = select.EPOLLHUP | select.EPOLLERR
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
ABORTED: int = pycurl.E_ABORTED_BY_CALLBACK
_CONNECTION_BROKE = {pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR, pycurl.E_HTTP2, pycurl.E_SEND_FAIL_REWIND}
_REST_SECONDS = 1.1
"""libcurl looks for dead connections once a second, and until then may give one to the next request."""
_MEASURE_EVERY = 16
"""One request in so many is timed: a histogram costs as much as a tenth of a send."""


class Receiver(Protocol):
    """Takes the answers to what it sent, by the `tag` it sent it with."""

    def answered(self, tag: int, status: int, body: bytes, retry_after: int, generation: int) -> None:
        """FCM answered. `retry_after`: seconds, 0 when the header is absent; `generation`: the access token's."""

    def failed(self, tag: int, code: int, *, began: bool) -> None:
        """No answer, for libcurl's error `code`; unless it `began`, the server has not got the request."""


class Observer(Protocol):
    def observe(self, amount: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go and whom they are from. `generation` tells one access token from the next."""

    url: str
    authorization: str
    generation: int = 0


class Transport:
    """One process's connections to FCM. Not for use by several threads."""

    def __init__(self, connections: int, timeout_seconds: float, ca_file: Path | None, durations: Observer) -> None:
        self._connections = connections
        self._timeout_ms = int(timeout_seconds * 1000)
        self._ca_file = ca_file
        self._durations = durations
        self._completed = 0
        self._open()

    @property
    def rest(self) -> float:
        """Seconds for which nothing should be started, for a connection broke: 0 as a rule."""
        return max(0.0, self._rests_until - time.monotonic()) if self._rests_until else 0.0

    def start(self, target: Target, body: bytes, receiver: Receiver, tag: int) -> None:
        """Starts a request; its bytes leave with the next turn."""
        handle = self._free.pop() if self._free else self._new_handle()
        handle.send(target, body, receiver, tag)
        self._busy.add(handle)
        self._multi.add_handle(handle.curl)
        self.in_flight += 1

    def turn(self, timeout: float) -> None:
        """Moves bytes, then hands out what was answered. Waits for at most `timeout` seconds for something to do."""
        # Asked for, not left to libcurl's timer callback: that keeps silent when work turns up again at the moment the
        # last call was for, and what a socket had brought for other requests would wait until something else happens.
        due_ms = self._multi.timeout()
        if due_ms >= 0:
            timeout = min(timeout, due_ms / 1000)
        ready = self._epoll.poll(timeout)
        for descriptor, events in ready:
            actions = (pycurl.CSELECT_IN if events & (select.EPOLLIN | _EPOLL_FAULT) else 0) | (
                pycurl.CSELECT_OUT if events & (select.EPOLLOUT | _EPOLL_FAULT) else 0
            )
            self._multi.socket_action(descriptor, actions)
        if due_ms == 0 or not ready:
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._hand_out()

    def withdraw(self, receiver: Receiver) -> None:
        """Takes back the receiver's requests that have not begun, as while a connection is made: failed with `ABORTED`.

        Not to be called by a receiver while it is handed an answer.
        """
        for handle in [handle for handle in self._busy if handle.receiver is receiver and not handle.began]:
            self._release(handle)
            receiver.failed(handle.tag, ABORTED, began=False)

    def close_all(self) -> None:
        """Closes every socket at once; what was in flight has failed with `ABORTED`. The transport may be used again."""
        for descriptor in self._watched:
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):  # libcurl's own wake-up
                continue
            with socket.socket(fileno=os.dup(descriptor)) as duplicate:
                # A reset, so that nothing still in a buffer goes out.
                duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                duplicate.shutdown(socket.SHUT_RDWR)
        aborted = self._busy
        for handle in aborted:
            self._multi.remove_handle(handle.curl)
        self._multi.close()
        self._epoll.close()
        self._open()
        for handle in aborted:
            handle.receiver.failed(handle.tag, ABORTED, began=handle.began)

    def _open(self) -> None:
        self._free: list[_Handle] = []
        self._busy: set[_Handle] = set()
        self._watched: set[int] = set()
        self._rests_until = 0.0
        self.in_flight = 0
        self._epoll = select.epoll()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, self._connections)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)

    def _new_handle(self) -> "_Handle":
        return _Handle(self._timeout_ms, self._ca_file)

    def _watch(self, event: int, descriptor: int, _multi: Any, _data: Any) -> None:
        if event == pycurl.POLL_REMOVE:
            if descriptor in self._watched:
                self._watched.remove(descriptor)
                self._epoll.unregister(descriptor)
            return
        events = (select.EPOLLIN if event & pycurl.POLL_IN else 0) | (select.EPOLLOUT if event & pycurl.POLL_OUT else 0)
        if descriptor in self._watched:
            self._epoll.modify(descriptor, events)
        else:
            self._epoll.register(descriptor, events)
            self._watched.add(descriptor)

    def _hand_out(self) -> None:
        remaining = 1
        while remaining:
            remaining, succeeded, failed = self._multi.info_read()
            for curl in succeeded:
                handle: _Handle = curl.handle
                status = curl.getinfo(pycurl.RESPONSE_CODE)
                retry_after = curl.getinfo(pycurl.RETRY_AFTER) if status != 200 else 0
                self._completed += 1
                if self._completed % _MEASURE_EVERY == 0:
                    self._durations.observe(curl.getinfo(pycurl.TOTAL_TIME))
                self._release(handle)
                handle.receiver.answered(handle.tag, status, b"".join(handle.answer), retry_after, handle.generation)
            for curl, code, _message in failed:
                handle = curl.handle
                self._release(handle)
                if code in _CONNECTION_BROKE:
                    self._rests_until = time.monotonic() + _REST_SECONDS
                handle.receiver.failed(handle.tag, code, began=handle.began)

    def _release(self, handle: "_Handle") -> None:
        self._multi.remove_handle(handle.curl)
        self._busy.remove(handle)
        self._free.append(handle)
        self.in_flight -= 1


class _Handle:
    """An easy handle and the request it carries."""

    __slots__ = ("_target", "_unread", "answer", "began", "curl", "generation", "receiver", "tag")

    receiver: Receiver

    def __init__(self, timeout_ms: int, ca_file: Path | None) -> None:
        self._target: Target | None = None
        self._unread = b""
        self.answer: list[bytes] = []
        self.began = False
        self.generation = 0
        self.tag = 0
        self.curl = curl = pycurl.Curl()
        curl.handle = self
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2_0)
        curl.setopt(pycurl.PIPEWAIT, 1)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, _CONNECT_TIMEOUT_MS)
        curl.setopt(pycurl.TIMEOUT_MS, timeout_ms)
        curl.setopt(pycurl.USERAGENT, "fanfare-push-worker")
        curl.setopt(pycurl.POST, 1)
        curl.setopt(pycurl.READFUNCTION, self._read)
        curl.setopt(pycurl.SEEKFUNCTION, _refuse_to_rewind)
        curl.setopt(pycurl.WRITEFUNCTION, self.answer.append)
        if ca_file is not None:
            curl.setopt(pycurl.CAINFO, str(ca_file))

    def send(self, target: Target, body: bytes, receiver: Receiver, tag: int) -> None:
        if target is not self._target:
            self._target = target
            self.generation = target.generation
            self.curl.setopt(pycurl.URL, target.url)
            # Without `Expect:`, libcurl asks leave before a body over 1 MB; an empty header switches that off for good.
            headers = [f"authorization: {target.authorization}", "content-type: application/json", "Expect:"]
            self.curl.setopt(pycurl.HTTPHEADER, headers)
        self._unread = body
        self.answer.clear()
        self.began = False
        self.receiver = receiver
        self.tag = tag
        self.curl.setopt(pycurl.POSTFIELDSIZE_LARGE, len(body))

    def _read(self, size: int) -> bytes:
        self.began = True
        data, self._unread = self._unread[:size], self._unread[size:]
        return data


def _refuse_to_rewind(_offset: int, _origin: int) -> int:
    return int(pycurl.SEEKFUNC_FAIL)

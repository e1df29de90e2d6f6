"""What a process calls itself in the ledger, so that another on the same host can tell whether it still lives."""

import os
import socket
from pathlib import Path

# The fields of /proc/<pid>/stat after the command's name, which may hold anything: state is the third, start the 22nd.
_STATE, _STARTED = 3 - 3, 22 - 3
_DEAD = frozenset("ZX")


def worker_name() -> str:
    """`host/namespace:pid:start`: pids are used again, and each container counts its own."""
    pid = os.getpid()
    return f"{_place()}:{pid}:{_started(pid)}"


def is_dead(worker: str) -> bool:
    """Whether it is certain that the process of this name is gone: it was one of this host's, and there is no such any more."""
    place, _, process = worker.partition(":")
    pid, _, started = process.partition(":")
    if place != _place() or not pid.isdecimal() or not Path("/proc/self/stat").exists():
        return False
    return _started(int(pid)) != started


def _place() -> str:
    try:
        namespace = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        namespace = 0
    return f"{socket.gethostname()}/{namespace}"


def _started(pid: int) -> str:
    """The moment the process began, in the kernel's ticks; empty where there is none, or nothing but its exit status."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[_STATE] in _DEAD else fields[_STARTED]

"""Finds and ends processes of this clone's stack that nobody supervises any more."""

import os
import signal
import time
from pathlib import Path

from fanfare_native.layout import Layout
from fanfare_native.supervisor import MARKER


def marked(layout: Layout) -> list[int]:
    """The processes that inherited this clone's marker from its supervisord, supervisord's own children included."""
    mark = f"{MARKER}={layout.identity}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0") and _is_alive(folder):
                found.append(int(folder.name))
        except OSError:  # gone meanwhile, or another user's
            continue
    return [pid for pid in found if pid != os.getpid()]


def end(layout: Layout, patience: float = 20) -> None:
    """Ends what is left: asks, waits for `patience` seconds, then kills."""
    left = marked(layout)
    _signal(left, signal.SIGTERM)
    _signal(left, signal.SIGINT)  # PostgreSQL waits for its clients when it is asked with SIGTERM
    deadline = time.monotonic() + patience
    while (left := marked(layout)) and time.monotonic() < deadline:
        time.sleep(0.1)
    _signal(left, signal.SIGKILL)
    while marked(layout) and time.monotonic() < deadline + 5:
        time.sleep(0.1)


def wait_for_end(pid: int, seconds: float) -> bool:
    """Whether the process ended in time."""
    deadline = time.monotonic() + seconds
    while _is_alive(Path(f"/proc/{pid}")):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _is_alive(folder: Path) -> bool:
    try:
        return folder.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue

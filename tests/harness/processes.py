"""A process of our own: started in its own group, logged to a file, killed whole, and measured."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_TAIL_LINES = 30


@dataclass(frozen=True)
class Usage:
    """CPU seconds (user and system, with every child that ever was) and the largest resident set of one process, bytes."""

    cpu_seconds: float
    peak_bytes: int


class Process:
    """Owns a process group. `stop` asks, `kill` does not; both wait for the end."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def pids(self) -> set[int]:
        """The parent's and its children's."""
        return {process.pid for process in self._family()}

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def signal_group(self, number: signal.Signals) -> None:
        os.killpg(self.pid, number)

    def kill(self) -> None:
        """SIGKILL to the whole group, children included."""
        if self.alive:
            self.signal_group(signal.SIGKILL)
        self._popen.wait(timeout=60)

    def stop(self, timeout: float = 120) -> int:
        """SIGTERM to the parent alone, as a container's runtime does; the exit status. Kills what does not obey."""
        if self.alive:
            self._ask_to_stop()
        return self.wait(timeout)

    def wait(self, timeout: float = 120) -> int:
        """Its exit status once it has ended by itself. Kills what has not in that time, and raises TimeoutExpired."""
        try:
            return self._popen.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def _ask_to_stop(self) -> None:
        self._popen.terminate()

    def usage(self) -> Usage:
        """Of the living: the parent, its children, and the children it has already waited for."""
        cpu, peak = 0.0, 0
        for process in self._family():
            try:
                times = process.cpu_times()
                cpu += times.user + times.system + times.children_user + times.children_system
                peak = max(peak, _peak_bytes(process.pid))
            except (psutil.NoSuchProcess, FileNotFoundError):
                continue
        return Usage(cpu, peak)

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])

    def _family(self) -> list[psutil.Process]:
        try:
            parent = psutil.Process(self.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def _peak_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0

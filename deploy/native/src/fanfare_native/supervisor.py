"""supervisord: its configuration, its start and end, and the few questions we ask it."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from enum import IntEnum
from http.client import HTTPException
from typing import Any, cast
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import Faults, SupervisorTransport

from fanfare_native.errors import StackError
from fanfare_native.layout import Layout, write_private
from fanfare_native.part import Part
from fanfare_native.script import script_path

_SECTIONS = """\
[unix_http_server]
file={alias}/supervisor.sock
chmod=0600

[supervisord]
logfile={run}/logs/supervisord.log
logfile_maxbytes=5MB
logfile_backups=2
pidfile={run}/supervisord.pid
childlogdir={run}/logs
identifier=fanfare-{identity}
directory=/
umask=077
minfds={files}
nocleanup=true
{user}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

# `startretries` is out of reach because supervisor gives a part up for good after it; each retry waits a second longer.
_PROGRAM = """
[program:{part.name}]
command=/bin/sh {script}
environment=FANFARE_NATIVE_PART="{part.digest}"
autostart=false
autorestart={restart}
startsecs={start}
startretries=1000
stopsignal={part.stop_signal}
stopwaitsecs={part.stop_seconds}
stopasgroup={group}
killasgroup=true
redirect_stderr=true
stdout_logfile={run}/logs/{part.name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""

MARKER = "FANFARE_NATIVE"


class State(IntEnum):
    """supervisor's process states, from `supervisor.states.ProcessStates`."""

    STOPPED = 0
    STARTING = 10
    RUNNING = 20
    BACKOFF = 30
    STOPPING = 40
    EXITED = 100
    FATAL = 200
    UNKNOWN = 1000


class Supervisor:
    """One clone's supervisord. Every call opens a connection of its own, so any thread may call."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def is_running(self) -> bool:
        try:
            self._rpc.getState()
        except (OSError, HTTPException):
            return False
        return True

    def write_configuration(self, parts: Iterable[Part]) -> None:
        layout = self._layout
        hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        text = _SECTIONS.format(
            alias=layout.alias,
            run=layout.plain_run,
            identity=layout.identity,
            files=min(65536, hard_limit) if hard_limit != resource.RLIM_INFINITY else 65536,
            user="user=root" if os.getuid() == 0 else "",
        )
        for part in parts:
            text += _PROGRAM.format(
                part=part,
                run=layout.plain_run,
                script=script_path(layout.plain_run, part.name),
                restart="false" if part.once else "true",
                start=0 if part.once else 1,
                group="true" if part.stop_group else "false",
            )
        write_private(layout.run / "supervisord.conf", text)

    def start(self) -> None:
        """Starts supervisord, detached from this process, and returns when it answers."""
        self._layout.socket.unlink(missing_ok=True)
        # The marker is how its children are found again if supervisord itself is killed.
        started = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._layout.plain_run / "supervisord.conf")],
            cwd="/",
            env=_clean_environment() | {MARKER: self._layout.identity, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        deadline = time.monotonic() + 15
        while not self.is_running():
            if started.returncode != 0 or time.monotonic() > deadline:
                raise StackError(f"{started.stdout}{started.stderr}\nsupervisord failed to start (above)")
            time.sleep(0.05)

    def reread(self) -> None:
        """Takes over a changed configuration: parts that changed, or are no longer there, are stopped."""
        added, changed, removed = cast("list[list[list[str]]]", self._rpc.reloadConfig())[0]
        for name in [*changed, *removed]:
            self.stop(name)
            self._rpc.removeProcessGroup(name)
        for name in [*added, *changed]:
            self._rpc.addProcessGroup(name)

    def processes(self) -> dict[str, dict[str, Any]]:
        """What supervisor knows of each part: `state`, `pid`, `start`, `exitstatus`, `description`."""
        return {info["name"]: info for info in cast("list[dict[str, Any]]", self._rpc.getAllProcessInfo())}

    def state(self, part: str) -> tuple[State, int, int]:
        """A part's state, its exit status if it ended, and when it was last started (epoch seconds)."""
        info = cast("dict[str, Any]", self._rpc.getProcessInfo(part))
        return State(info["state"]), info["exitstatus"], info["start"]

    def launch(self, part: str) -> None:
        """Starts a part unless it runs."""
        try:
            self._rpc.startProcess(part, False)
        except Fault as fault:
            if fault.faultCode != Faults.ALREADY_STARTED:
                raise StackError(f"{part}: {fault.faultString}") from fault

    def stop(self, part: str) -> None:
        """Stops a part and returns when it has ended."""
        try:
            self._rpc.stopProcess(part, True)
        except Fault as fault:
            if fault.faultCode != Faults.NOT_RUNNING:
                raise StackError(f"{part}: {fault.faultString}") from fault

    def shut_down(self) -> int | None:
        """Ends supervisord and whatever it still runs; returns the process to wait for, None if there is none."""
        try:
            pid = cast("int", self._rpc.getPID())
            self._rpc.shutdown()
        except (OSError, HTTPException):
            return None
        return pid

    @property
    def _rpc(self) -> Any:
        transport = cast("Any", SupervisorTransport)(None, None, f"unix://{self._layout.socket}")
        return ServerProxy("http://localhost", transport=transport).supervisor


def _clean_environment() -> dict[str, str]:
    """The environment without what would change a part behind its script's back."""
    foreign = ("FANFARE_", "PG", "RABBITMQ_", "ERL_", "MAKE", "MFLAGS", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}

"""What a part of the stack is: a program to run, and how to tell that it is ready."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Asked with the time (epoch seconds) the part was started at, for what an earlier run may have left behind.
Ready = Callable[[float], Awaitable[bool]]


async def _always(since: float) -> bool:
    del since
    return True


@dataclass(frozen=True, kw_only=True)
class Part:
    """One supervised program.

    `command`'s first word is a path; `after` names the parts that must be ready before this one starts; a part that
    runs `once` is ready when it has ended with status 0. `stop_group` sends the stop signal to the whole process group,
    which a Celery worker must not have: its children would be cut off in the middle of a task.
    """

    name: str
    command: Sequence[str | Path]
    ready: Ready = _always
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[Path, str] = field(default_factory=dict)
    directory: Path
    after: tuple[str, ...] = ()
    once: bool = False
    stop_signal: str = "TERM"
    stop_group: bool = False
    stop_seconds: int = 20
    start_seconds: int = 90

    @property
    def digest(self) -> str:
        """Changes when anything does that the running program was started with."""
        told = [self.command, sorted(self.environment.items()), sorted(self.files.items()), self.directory]
        return hashlib.sha256(repr(told).encode()).hexdigest()[:12]

"""Brings the stack up and down."""

import asyncio
import fcntl
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from fanfare_native import access, fleet, flower, postgresql, processes, programs, script, servers, settings, simulator
from fanfare_native.context import Context
from fanfare_native.credentials import Credentials
from fanfare_native.errors import PartFailedError, StackError
from fanfare_native.layout import Layout
from fanfare_native.part import Part
from fanfare_native.ports import Ports
from fanfare_native.supervisor import State, Supervisor

_POLL_SECONDS = 0.1
# supervisor starts a part again that died, and it may then live; one that dies this often while it starts has failed.
_DEATHS = 3
_IDLE = frozenset({State.STOPPED, State.EXITED, State.FATAL})


def up(layout: Layout, *, only_servers: bool = False, with_flower: bool = False) -> dict[str, str]:
    """Starts what does not run, waits until every part is ready, writes `.run/env` and returns its settings.

    Flower is started where it is asked for, and then stays until `down`.

    Raises StackError, with nothing left running, when a part does not start.
    """
    layout.create()
    with _lock(layout):
        supervisor = Supervisor(layout)
        running = _running(supervisor)
        if not running:
            processes.end(layout)
        context = _context(layout, running, monitored=with_flower or flower.NAME in running)
        programs.ensure(*servers.needed(context))
        try:
            private = servers.parts(context)
            parts = [*private, *fleet.parts(context)]
            _configure(layout, supervisor, parts)
            wanted = private if only_servers else parts
            started = {part.name for part in wanted if part.name != flower.NAME or context.monitored} | running
            settings.write(layout, fleet.settings(context), context.given)
            asyncio.run(_start(supervisor, [part for part in parts if part.name in started]))
            result = fleet.settings(context)
            if "api" in started:
                simulator.write_service_accounts(context)
                result |= _access(context)
            if with_flower:
                print(f"Flower          {flower.address(context)}")
            settings.write(layout, result, context.given)
        except PartFailedError as failure:
            _end(layout)
            raise StackError(f"{_end_of_log(layout, failure.part)}{failure}") from failure
        except (StackError, KeyboardInterrupt, OSError):
            _end(layout)
            raise
        return result


def down(layout: Layout) -> None:
    """Ends every process of the stack. The data stays."""
    if not layout.run.is_dir():
        return
    layout.create()
    with _lock(layout):
        _end(layout)


def remove(layout: Layout) -> None:
    """Ends every process of the stack and removes its data, wherever it lies."""
    down(layout)
    postgresql.remove(layout)
    shutil.rmtree(layout.run, ignore_errors=True)


def _access(context: Context) -> dict[str, str]:
    url = fleet.api_url(context)
    key = access.ensure_api_key(context, url)
    if key is None:
        print("This ledger has an administrator's API key already, so none was made: FANFARE_API_KEY is not set.")
        return {"FANFARE_API_URL": url}
    return {"FANFARE_API_URL": url, "FANFARE_API_KEY": key}


def _context(layout: Layout, running: Iterable[str], *, monitored: bool) -> Context:
    ports = Ports(layout.run / "ports.json")
    for part in running:
        ports.keep(part)
    return Context(
        layout=layout,
        ports=ports,
        credentials=Credentials(layout.run / "secrets.json"),
        given=settings.given(layout),
        monitored=monitored,
    )


def _running(supervisor: Supervisor) -> set[str]:
    if not supervisor.is_running():
        return set()
    return {name for name, info in supervisor.processes().items() if info["state"] not in _IDLE}


def _configure(layout: Layout, supervisor: Supervisor, parts: list[Part]) -> None:
    for part in parts:
        script.write(layout, part)
    supervisor.write_configuration(parts)
    if supervisor.is_running():
        supervisor.reread()
    else:
        supervisor.start()


async def _start(supervisor: Supervisor, parts: list[Part]) -> None:
    """Starts the parts, each as soon as those it comes after are ready, and returns when all are."""
    ready = {part.name: asyncio.Event() for part in parts}

    async def start(part: Part) -> None:
        for name in part.after:
            if name in ready:
                await ready[name].wait()
        await _until_ready(supervisor, part)
        ready[part.name].set()

    try:
        async with asyncio.TaskGroup() as tasks:
            for part in parts:
                tasks.create_task(start(part), name=part.name)
    except ExceptionGroup as failures:
        # Not `except*`: Python 3.11.2, which Debian 12 has, wraps what is raised inside it into another group.
        known = failures.subgroup((StackError, OSError))
        if known is None:
            raise
        raise next(_leaves(known)) from None


async def _until_ready(supervisor: Supervisor, part: Part) -> None:
    await asyncio.to_thread(supervisor.launch, part.name)
    deadline = time.monotonic() + part.start_seconds
    deaths, last_start = 0, 0
    while True:
        state, status, started = supervisor.state(part.name)
        if part.once and state == State.EXITED:
            if status == 0:
                return
            raise PartFailedError(part.name, f"it ended with status {status}")
        if not part.once and state == State.RUNNING and await part.ready(started):
            return
        if state in {State.BACKOFF, State.EXITED, State.FATAL} and started != last_start:
            deaths, last_start = deaths + 1, started
        if deaths >= _DEATHS or state == State.FATAL:
            raise PartFailedError(part.name, f"it ended {deaths} times")
        if time.monotonic() > deadline:
            raise PartFailedError(part.name, f"it was not ready after {part.start_seconds} s")
        await asyncio.sleep(_POLL_SECONDS)


def _end(layout: Layout) -> None:
    """Stops the services, then the servers, then supervisord; ends whatever is left; removes the alias."""
    supervisor = Supervisor(layout)
    if supervisor.is_running():
        # supervisord alone would take a second over each part, running or not, one after the other.
        for names in _stages(_running(supervisor)):
            asyncio.run(_stop(supervisor, names))
        pid = supervisor.shut_down()
        if pid is not None:
            processes.wait_for_end(pid, 30)
    processes.end(layout)
    for name in ("supervisor.sock", "clone"):
        (layout.alias / name).unlink(missing_ok=True)
    layout.alias.rmdir()


def _stages(running: set[str]) -> Iterator[set[str]]:
    """What may be stopped at once: first whatever the others do not rest on."""
    servers_running, epmd = running & {"postgresql", "rabbitmq", "redis"}, running & {"epmd"}
    yield running - servers_running - epmd
    yield servers_running
    yield epmd


async def _stop(supervisor: Supervisor, names: Iterable[str]) -> None:
    await asyncio.gather(*(asyncio.to_thread(supervisor.stop, name) for name in names))


def _leaves(group: BaseExceptionGroup[Exception]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _end_of_log(layout: Layout, part: str, lines: int = 25) -> str:
    file = layout.log(part)
    if not file.is_file():
        return ""
    with file.open("rb") as log:
        log.seek(max(0, file.stat().st_size - 16384))
        tail = log.read().decode(errors="replace").splitlines()[-lines:]
    return "\n".join([f"--- end of {file}", *tail, "---", ""])


@contextmanager
def _lock(layout: Layout) -> Iterator[None]:
    """Keeps two commands of one clone from starting and stopping the same parts at once."""
    with (layout.run / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

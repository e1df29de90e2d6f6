"""What the commands print: which parts run, and where to look."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from fanfare_native import servers, settings
from fanfare_native.errors import StackError
from fanfare_native.layout import Layout
from fanfare_native.programs import search_path
from fanfare_native.supervisor import State, Supervisor


def status(layout: Layout) -> bool:
    """Prints a line a part; returns whether any of them runs."""
    supervisor = Supervisor(layout)
    if not supervisor.is_running():
        print("nothing runs; `make up` starts the fleet")
        return False
    ports: dict[str, int] = json.loads((layout.run / "ports.json").read_text())
    for name, info in supervisor.processes().items():
        listens = ", ".join(f"{port}" for key, port in ports.items() if key == name or key.startswith(f"{name}."))
        print(f"{name:24} {State(info['state']).name.lower():10} {info['description']:32} {listens}".rstrip())
    return True


def addresses(layout: Layout, found: Mapping[str, str]) -> None:
    """Prints where to look, given what `.run/env` says. No password: those are in the file."""
    print(f"settings        . {os.path.relpath(layout.env_file)}")
    if "FANFARE_API_URL" in found:
        print(f"API             {found['FANFARE_API_URL']}/docs")
        print(f"metrics         {found['FANFARE_API_URL']}/metrics")
        print(f"FCM             {found['FANFARE_FCM_ENDPOINT']}")
    if "FANFARE_BROKER_MANAGEMENT_URL" in found:
        print(f"RabbitMQ        {_without_password(found['FANFARE_BROKER_MANAGEMENT_URL'])}")


def follow_logs(layout: Layout) -> int:
    """Follows every part's log until it is interrupted."""
    files = sorted(layout.logs.glob("*.log"))
    tail = shutil.which("tail", path=search_path())
    if not files or tail is None:
        print(f"there are no logs in {layout.logs}; `make up` starts the fleet")
        return 1
    try:
        return subprocess.run([tail, "-n", "5", "-F", *files], check=False).returncode
    except KeyboardInterrupt:
        return 0


def execute(layout: Layout, command: Sequence[str]) -> int:
    """Runs a command with the servers' addresses in its environment, and no other setting of the stack.

    Raises StackError when the stack was never up.
    """
    found = settings.read(layout.env_file)
    if not found:
        raise StackError("the servers were never started: `make servers` does")
    inherited = {name: value for name, value in os.environ.items() if found.get(name) != value}
    chosen = {name: value for name, value in found.items() if name in servers.ADDRESSES}
    try:
        return subprocess.run(command, env=inherited | chosen, check=False).returncode
    except OSError as error:
        raise StackError(f"{command[0]}: {error.strerror}") from error


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    user, _, address = rest.rpartition("@")
    return f"{scheme}://{address} as {user.partition(':')[0]}"

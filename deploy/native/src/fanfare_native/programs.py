"""Finds the servers' programs, and installs their Debian packages where they are missing."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from fanfare_native.errors import StackError

# A user's PATH often lacks the sbin folders, and Debian keeps PostgreSQL and RabbitMQ out of every PATH.
_STANDARD = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_INSTALL = Path(__file__).with_name("install-packages.sh")


@dataclass(frozen=True)
class Server:
    """A server's programs, found together in one folder, and the Debian package that brings them."""

    package: str
    programs: tuple[str, ...]
    folders: tuple[str, ...] = ()

    def find(self) -> Path | None:
        """The folder with all the programs: the server's own ones first, the newest version first."""
        own = [
            folder for pattern in self.folders for folder in sorted(Path("/").glob(pattern), key=_version, reverse=True)
        ]
        named = [Path(folder) for folder in search_path().split(os.pathsep)]
        for folder in (*own, *named):
            if all(os.access(folder / program, os.X_OK) for program in self.programs):
                return folder
        return None


POSTGRESQL = Server("postgresql", ("initdb", "postgres"), ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin"))
REDIS = Server("redis-server", ("redis-server",))
RABBITMQ = Server(
    "rabbitmq-server",
    ("rabbitmq-server",),
    ("usr/lib/rabbitmq/bin", "usr/lib/rabbitmq/lib/*/sbin", "opt/rabbitmq/sbin"),
)
PROMETHEUS = Server("prometheus", ("prometheus", "promtool"))
"""No part of the fleet: tests and the rehearsal ask it what an operator's would say."""
SYSTEMD = Server("systemd", ("systemd-analyze", "systemd-sysusers"))
"""Verifies units and users; nothing is run by it."""
EPMD = Server("erlang-base", ("epmd",), ("usr/lib/erlang/erts-*/bin",))


def _version(folder: Path) -> list[int]:
    return [int(number) for number in "".join(c if c.isdigit() else " " for c in str(folder)).split()]


def search_path() -> str:
    """PATH with the standard folders added."""
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    return os.pathsep.join([*folders, *(folder for folder in _STANDARD if folder not in folders)])


def ensure(*servers: Server) -> None:
    """Installs what is missing, as root or with sudo, without starting any server.

    Raises StackError, naming the packages, when they cannot be installed from here.
    """
    packages = [server.package for server in servers if server.find() is None]
    if not packages:
        return
    advice = f"install these packages first: {' '.join(packages)}"
    apt = shutil.which("apt-get", path=search_path())
    if apt is None:
        raise StackError(f"no apt-get on this machine to install what is missing; {advice}")
    command = ["/bin/sh", str(_INSTALL), *packages]
    if os.getuid() != 0:
        sudo = shutil.which("sudo", path=search_path())
        if sudo is None or subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode != 0:
            raise StackError(
                f"neither root nor sudo without a password; {advice} (apt-get install {' '.join(packages)})"
            )
        command = [sudo, "-n", *command]
    print(f"installing {', '.join(packages)}", flush=True)
    installed = subprocess.run(
        command,
        env=os.environ | {"PATH": search_path()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    missing = [server.package for server in servers if server.find() is None]
    if installed.returncode != 0 or missing:
        tail = "\n".join((installed.stdout + installed.stderr).splitlines()[-20:])
        raise StackError(f"{tail}\ninstalling {' '.join(packages)} failed (above); {advice}")


def program(server: Server, name: str) -> Path:
    """The path of one of the server's programs. Raises StackError when it is missing."""
    folder = server.find()
    if folder is None:
        raise StackError(f"{name} is missing; install the package {server.package}")
    return folder / name

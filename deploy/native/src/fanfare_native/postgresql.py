"""The private PostgreSQL: the ledger's server."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from fanfare_native.context import Context
from fanfare_native.errors import StackError
from fanfare_native.layout import Layout, write_private
from fanfare_native.part import Part
from fanfare_native.ports import HOST
from fanfare_native.programs import POSTGRESQL, program, search_path

_ADMIN = "postgres"
_OWNER = _DATABASE = "fanfare"
_SERVICES = ("api", "orchestrator", "push-worker", "image-worker")
# Where the data lies when its account cannot get into `.run`. Only root needs it; /var/tmp would be cleaned by age.
_OUTSIDE = Path("/var/lib/fanfare-native")
_MIB = 1024 * 1024


@dataclass(frozen=True)
class _Account:
    """Who the server runs as. PostgreSQL refuses root."""

    name: str
    uid: int
    gid: int

    @classmethod
    def choose(cls) -> "_Account":
        if os.getuid() != 0:
            return cls("", os.getuid(), os.getgid())
        for name in ("postgres", "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(name, entry.pw_uid, entry.pw_gid)
        raise StackError("PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody`")

    @property
    def prefix(self) -> list[str]:
        """What stands before a command so that it runs as this account."""
        if os.getuid() != 0:
            return []
        setpriv = shutil.which("setpriv", path=search_path())
        if setpriv is None:
            raise StackError("setpriv is missing; install the package util-linux")
        return [setpriv, f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]

    def run(self, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.prefix, *map(str, command)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    def can_enter(self, folder: Path) -> bool:
        return self.run(["test", "-x", folder]).returncode == 0


def part(context: Context) -> Part:
    """Makes the data folder if there is none, and describes the server."""
    account = _Account.choose()
    data = _data_folder(context, account)
    _initialise(context, account, data)
    forget_stale_pid(data)
    return Part(
        name="postgresql",
        command=[
            *account.prefix, program(POSTGRESQL, "postgres"), "-D", data,
            *(word for setting, value in _settings(context).items() for word in ("-c", f"{setting}={value}")),
        ],
        directory=Path("/"),
        ready=lambda _: _ready(context),
        stop_signal="INT",  # fast shutdown; TERM would wait for every client to leave
        stop_seconds=60,
    )  # fmt: skip


def remove(layout: Layout) -> None:
    """Removes the data where it lies outside `.run`."""
    home = layout.run / "postgresql"
    if home.is_symlink():
        shutil.rmtree(home.readlink(), ignore_errors=True)


def url(context: Context, service: str = "") -> str:
    """The ledger's address for a service's own role, or for the owner of the tables."""
    return _url(context, _role(service) if service else _OWNER, _DATABASE)


def administrator_url(context: Context) -> str:
    return _url(context, _ADMIN, "postgres")


def urls_of_services(context: Context) -> dict[str, str]:
    return {service: url(context, service) for service in _SERVICES}


def _role(service: str) -> str:
    """As `deploy/postgresql/roles.sql` names it."""
    return f"fanfare_{service.replace('-', '_')}"


def _url(context: Context, role: str, database: str) -> str:
    password = context.credentials.password(f"postgresql.{role}")
    return f"postgresql://{role}:{password}@{HOST}:{context.ports['postgresql']}/{database}"


def _settings(context: Context) -> dict[str, Any]:
    """For a ledger with a million rows a campaign on a small machine, and as durable as PostgreSQL is by default."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "listen_addresses": HOST,
        "port": context.ports["postgresql"],
        "unix_socket_directories": "",
        "max_connections": 300,
        "shared_buffers": f"{min(512 * _MIB, max(64 * _MIB, memory // 8)) // _MIB}MB",
        "effective_cache_size": f"{memory // 2 // _MIB}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": "128MB",
        "max_wal_size": "4GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "15min",
        "wal_compression": "on",
        "random_page_cost": 1.1,
        "jit": "off",
        "max_parallel_workers_per_gather": 0,  # a container's /dev/shm of 64 MB is too small for them
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%u@%d ",
    }


def _data_folder(context: Context, account: _Account) -> Path:
    """The data's folder in `.run`, or, where the server's account cannot get there, one that `.run` links to."""
    home = context.layout.run / "postgresql"
    if not home.exists() and not home.is_symlink() and not account.can_enter(context.layout.run):
        home.symlink_to(_OUTSIDE / context.layout.identity)
    real = home.readlink() if home.is_symlink() else home
    real.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    real.mkdir(mode=0o700, exist_ok=True)
    os.chown(real, account.uid, account.gid)
    if not account.can_enter(real):
        raise StackError(
            f"PostgreSQL runs as {account.name}, who cannot enter {real} any more: open the folders above it "
            f"(chmod o+x), or remove {home} to start with an empty ledger elsewhere"
        )
    return real / "data"


def _initialise(context: Context, account: _Account, data: Path) -> None:
    """Makes the cluster beside its place and moves it there, so a cluster half made is never taken for a whole one."""
    if data.exists():
        return
    draft, password_file = data.with_name("draft"), data.with_name("password")
    shutil.rmtree(draft, ignore_errors=True)
    write_private(password_file, context.credentials.password(f"postgresql.{_ADMIN}"))
    os.chown(password_file, account.uid, account.gid)
    made = account.run([
        program(POSTGRESQL, "initdb"), "--pgdata", draft, "--username", _ADMIN, "--pwfile", password_file,
        "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C",
    ])  # fmt: skip
    password_file.unlink()
    if made.returncode != 0:
        raise StackError(f"{made.stdout}{made.stderr}\npostgresql: initdb failed (above)")
    draft.rename(data)


def forget_stale_pid(data: Path) -> None:
    """Removes the pid file of a server that is gone: its number may belong to another process by now.

    The number is ours only if that process works in the data folder, as every postmaster does.
    """
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
        if Path(f"/proc/{pid}/cwd").readlink() == data.resolve():
            return
    except (OSError, ValueError):
        pass
    pid_file.unlink(missing_ok=True)


async def _ready(context: Context) -> bool:
    """Whether it takes statements, once the roles and the database are there."""
    try:
        connection = await psycopg.AsyncConnection.connect(
            administrator_url(context), autocommit=True, connect_timeout=5
        )
        async with connection:
            await _make_roles(context, connection)
            await _make_database(connection)
    except psycopg.Error:
        return False
    return True


async def _make_roles(context: Context, connection: psycopg.AsyncConnection) -> None:
    """With this clone's passwords, encrypted before they are sent. The owner may make databases, for the tests."""
    roles = context.layout.root / "deploy" / "postgresql" / "roles.sql"
    await connection.execute(roles.read_bytes())
    for role in (_OWNER, *map(_role, _SERVICES)):
        password = context.credentials.password(f"postgresql.{role}").encode()
        verifier = connection.pgconn.encrypt_password(password, role.encode(), b"scram-sha-256").decode()
        alter = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))
        await connection.execute(alter)
    await connection.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(_OWNER)))


async def _make_database(connection: psycopg.AsyncConnection) -> None:
    databases = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (_DATABASE,))
    if not await databases.fetchone():
        create = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(_DATABASE), sql.Identifier(_OWNER))
        await connection.execute(create)

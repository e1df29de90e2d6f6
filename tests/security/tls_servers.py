"""PostgreSQL, RabbitMQ and Redis that speak TLS only and ask every client for its certificate.

They are the native stack's own parts with TLS put on: the same programs, data folders, roles, users and queues.
"""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import redis.asyncio

from fanfare_native import postgresql, programs, rabbitmq, redis_server, script
from fanfare_native.context import Context
from fanfare_native.credentials import Credentials
from fanfare_native.layout import Layout
from fanfare_native.part import Part
from fanfare_native.ports import Ports
from fanfare_shared.redis_tls import redis_tls
from fanfare_shared.settings import RedisSettings
from fanfare_shared.testing.polling import until
from harness.fleet import ROOT
from harness.processes import Process
from security.certificates import SERVER_NAME, Authority, Pair

OWNER = "fanfare"
ROLES = {
    "api": "fanfare_api",
    "orchestrator": "fanfare_orchestrator",
    "push-worker": "fanfare_push_worker",
    "image-worker": "fanfare_image_worker",
}
# The administrator sets the roles up; everybody else shows the certificate of the role, and there is no password.
_WHO_MAY_CONNECT = """
host    all postgres 127.0.0.1/32 scram-sha-256
hostssl all all      127.0.0.1/32 cert
"""
_STARTS_WITHIN_SECONDS = 150


@dataclass(frozen=True)
class TlsServers:
    """`authority` made the servers' certificates and is the one that they trust."""

    authority: Authority
    context: Context

    def database(self, role: str) -> dict[str, str]:
        """`FANFARE_*` settings, without the prefix, for the ledger as a role sees it, which shows its certificate."""
        pair = self.authority.client(role)
        port = self.context.ports["postgresql"]
        return {
            "database_url": f"postgresql://{role}@{SERVER_NAME}:{port}/fanfare",
            **_files("database", self.authority.ca_file, pair),
        }

    def broker(self, user: str) -> dict[str, str]:
        url = _with_name(rabbitmq.url(self.context, user), "amqps")
        return {"broker_url": url, **_files("broker", self.authority.ca_file, self.authority.client(user))}

    def redis(self) -> dict[str, str]:
        url = _with_name(redis_server.url(self.context), "rediss")
        return {"redis_url": url, **_files("redis", self.authority.ca_file, self.authority.client("redis-client"))}

    def administrator(self) -> str:
        """The address of PostgreSQL for its superuser, without TLS."""
        return postgresql.administrator_url(self.context)


@contextmanager
def tls_servers(authority: Authority, folder: Path) -> Iterator[TlsServers]:
    """Starts all three at once; ready when it yields."""
    programs.ensure(programs.POSTGRESQL, programs.RABBITMQ, programs.EPMD, programs.REDIS)
    with ExitStack() as stack:
        context = stack.enter_context(_context())
        servers = TlsServers(authority, context)
        server = authority.server()
        parts = {
            part.name: part
            for part in (
                _postgresql(context, authority, server),
                *_rabbitmq(context, authority, server),
                replace(_redis(context, authority, server), ready=lambda _: _redis_answers(servers)),
            )
        }
        started: dict[str, Process] = {}
        for name, part in parts.items():
            for earlier in part.after:
                _wait(started[earlier], parts[earlier])
            started[name] = _start(context, part, folder)
            stack.callback(_end, started[name], part)
        for name, part in parts.items():
            _wait(started[name], part)
        yield servers


@contextmanager
def _context() -> Iterator[Context]:
    """In a short, plain folder that PostgreSQL's user may enter."""
    with tempfile.TemporaryDirectory(prefix="fanfare-tls-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        for name in ("deploy", ".venv"):
            (root / name).symlink_to(ROOT / name)
        layout = Layout(root)
        layout.create()
        try:
            yield Context(
                layout=layout,
                ports=Ports(layout.run / "ports.json"),
                credentials=Credentials(layout.run / "secrets.json"),
                given={},
            )
        finally:
            postgresql.remove(layout)
            shutil.rmtree(layout.alias, ignore_errors=True)


def _postgresql(context: Context, authority: Authority, server: Pair) -> Part:
    part = postgresql.part(context)
    folder = (context.layout.run / "postgresql").resolve()
    owner = folder.stat()
    tls = folder / "tls"
    tls.mkdir()
    (tls / "pg_hba.conf").write_text(_WHO_MAY_CONNECT)
    for source, name in ((authority.ca_file, "ca.pem"), (server.cert, "server.pem"), (server.key, "server.key")):
        shutil.copy(source, tls / name)
    for path in (tls, *tls.iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid)
    (tls / "server.key").chmod(0o600)
    settings = {
        "ssl": "on",
        "ssl_ca_file": tls / "ca.pem",
        "ssl_cert_file": tls / "server.pem",
        "ssl_key_file": tls / "server.key",
        "hba_file": tls / "pg_hba.conf",
    }
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return replace(part, command=[*part.command, *words])


def _rabbitmq(context: Context, authority: Authority, server: Pair) -> list[Part]:
    epmd, part = rabbitmq.parts(context)
    (file,) = (file for file in part.files if file.name == "rabbitmq.conf")
    listener = f"127.0.0.1:{context.ports['rabbitmq']}"
    configuration = part.files[file].replace(f"listeners.tcp.1 = {listener}\n", "listeners.tcp = none\n")
    settings = {
        "listeners.ssl.1": listener,
        "ssl_options.cacertfile": authority.ca_file,
        "ssl_options.certfile": server.cert,
        "ssl_options.keyfile": server.key,
        "ssl_options.verify": "verify_peer",
        "ssl_options.fail_if_no_peer_cert": "true",
    }
    configuration += "".join(f"{name} = {value}\n" for name, value in settings.items())
    return [epmd, replace(part, files={**part.files, file: configuration})]


def _redis(context: Context, authority: Authority, server: Pair) -> Part:
    part = redis_server.part(context)
    ((file, configuration),) = part.files.items()
    port = context.ports["redis"]
    settings = {
        "tls-port": port,
        "tls-ca-cert-file": authority.ca_file,
        "tls-cert-file": server.cert,
        "tls-key-file": server.key,
        "tls-auth-clients": "yes",
    }
    configuration = configuration.replace(f"port {port}\n", "port 0\n")
    configuration += "".join(f"{name} {value}\n" for name, value in settings.items())
    return replace(part, files={file: configuration})


def _start(context: Context, part: Part, folder: Path) -> Process:
    script.write(context.layout, part)
    command = ["/bin/sh", str(script.script_path(context.layout.run, part.name))]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FANFARE_")}
    return Process(part.name, command, environment, folder)


def _end(process: Process, part: Part) -> None:
    """PostgreSQL gives its shared memory back only when it is asked to end, at once will do; the others have nothing."""
    if part.name == "postgresql" and process.alive:
        os.kill(process.pid, signal.SIGQUIT)
        until("PostgreSQL has ended", lambda: not process.alive, 60)
    process.kill()


def _wait(process: Process, part: Part) -> None:
    async def ready() -> bool:
        return await part.ready(0)

    def look() -> bool:
        if not process.alive:
            raise RuntimeError(f"{process.name} ended by itself:\n{process.tail()}")
        return asyncio.run(ready())

    until(f"{part.name} is ready", look, _STARTS_WITHIN_SECONDS, every=0.2)


async def _redis_answers(servers: TlsServers) -> bool:
    settings = RedisSettings.model_validate(servers.redis())
    try:
        async with redis.asyncio.Redis.from_url(settings.redis_url.get_secret_value(), **redis_tls(settings)) as client:
            return bool(await client.ping())
    except redis.RedisError:
        return False


def _files(server: str, ca_file: Path, pair: Pair) -> dict[str, str]:
    return {
        f"{server}_ca_file": str(ca_file),
        f"{server}_cert_file": str(pair.cert),
        f"{server}_key_file": str(pair.key),
    }


def _with_name(url: str, scheme: str) -> str:
    parts = urlsplit(url)
    netloc = f"{parts.username or ''}:{parts.password}@{SERVER_NAME}:{parts.port}"
    return parts._replace(scheme=scheme, netloc=netloc).geturl()

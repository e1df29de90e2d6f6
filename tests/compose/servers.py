"""PostgreSQL, RabbitMQ and Redis that know of the fleet what Compose's containers would: nothing but Compose's own files."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql

from compose.containers import HOST, Machine
from fanfare_native import programs, stack
from fanfare_native.credentials import Credentials
from fanfare_native.layout import Layout
from harness.fleet import ROOT
from harness.processes import Process

_ROLES = ("fanfare_api", "fanfare_orchestrator", "fanfare_push_worker", "fanfare_image_worker", "fanfare")


@contextmanager
def native_servers() -> Iterator[Layout]:
    """A private PostgreSQL and RabbitMQ, in a folder that every user may enter."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="fanfare-compose-") as folder:
        for name in [name for name in os.environ if name.startswith("FANFARE_")]:
            patch.delenv(name)
        patch.setenv("FANFARE_REDIS_URL", "redis://127.0.0.1:1/0")  # Redis is started with Compose's own file
        Path(folder).chmod(0o755)
        layout = Layout(Path(folder) / "clone")
        layout.root.mkdir()
        for name in ("deploy", ".venv"):
            (layout.root / name).symlink_to(ROOT / name)
        try:
            stack.up(layout, only_servers=True)
            yield layout
        finally:
            stack.remove(layout)


def serve(machine: Machine, layout: Layout) -> None:
    """Lets the private servers be Compose's: their ports, and what its files put into empty volumes."""
    ports: dict[str, int] = json.loads((layout.run / "ports.json").read_text())
    machine.answer("postgresql", 5432, ports["postgresql"])
    machine.answer("rabbitmq", 5672, ports["rabbitmq"])
    machine.answer("rabbitmq", 15692, ports["rabbitmq.prometheus"])
    _prepare_database(machine, layout, ports["postgresql"])
    _import_definitions(machine, layout, ports["rabbitmq.management"])
    _start_redis(machine)


def _prepare_database(machine: Machine, layout: Layout, port: int) -> None:
    """As the image of PostgreSQL does with an empty volume: each script with psql, in the order of their names."""
    password = Credentials(layout.run / "secrets.json").password("postgresql.postgres")
    with psycopg.connect(f"postgresql://postgres:{password}@{HOST}:{port}/postgres", autocommit=True) as server:
        server.execute("DROP DATABASE fanfare WITH (FORCE)")
        for role in _ROLES:
            server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
    psql = programs.program(programs.POSTGRESQL, "psql")
    service = machine.file.services["postgresql"]
    scripts = sorted(place for place in service.mounts if place.startswith("/docker-entrypoint-initdb.d/"))
    for script in scripts:
        text = (machine.clone / service.mounts[script]).read_text()
        own = machine.located("postgresql", text)
        subprocess.run(
            [
                psql,
                "--no-psqlrc",
                "--set=ON_ERROR_STOP=1",
                "--quiet",
                f"--host={HOST}",
                f"--port={port}",
                "--username=postgres",
            ],
            input=own,
            env={**os.environ, "PGPASSWORD": password},
            text=True,
            check=True,
        )


def _import_definitions(machine: Machine, layout: Layout, port: int) -> None:
    """What `load_definitions` of rabbitmq.conf names, file by file as RabbitMQ does when it starts."""
    password = Credentials(layout.run / "secrets.json").password("rabbitmq.fanfare-admin")
    auth = ("fanfare-admin", password)
    url = f"http://{HOST}:{port}/api"
    for place in ("users/api", "users/orchestrator", "users/push-worker", "users/image-worker", "vhosts/fanfare"):
        httpx.delete(f"{url}/{place}", auth=auth, timeout=60, trust_env=False).raise_for_status()
    configuration = (machine.clone / "deploy" / "compose" / "rabbitmq.conf").read_text()
    (folder,) = (line.partition(" = ")[2] for line in configuration.splitlines() if line.startswith("load_definitions"))
    for file in sorted(Path(machine.located("rabbitmq", folder)).iterdir()):
        definitions = json.loads(file.read_text())
        httpx.post(f"{url}/definitions", json=definitions, auth=auth, timeout=60, trust_env=False).raise_for_status()
        for user in definitions.get("users", []):
            if user["name"] == auth[0]:
                given = (machine.clone / ".run" / "compose" / "passwords").read_text()
                auth = (auth[0], given.split(f"rabbitmq, {auth[0]}: ")[1].split()[0])


def _start_redis(machine: Machine) -> None:
    programs.ensure(programs.REDIS)
    service = machine.file.services["redis"]
    server = programs.program(programs.REDIS, service.command[0])
    port = machine.port("redis", 6379)
    configuration = machine.located("redis", service.command[1])
    command = [str(server), configuration, "--port", str(port), "--bind", HOST, "--dir", str(machine.logs)]
    machine.processes["redis"] = Process("redis", command, dict(os.environ), machine.logs)

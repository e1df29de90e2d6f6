"""The real process on a real socket: bodies cut off on the wire, and what happens at SIGTERM."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from fanfare_api.settings import ApiSettings
from fanfare_shared.db.connection import Ledger
from fanfare_shared.testing.ports import free_port

PATIENCE_SECONDS = 90
COPYING = (
    "SELECT count(*) = 1 FROM pg_stat_activity "
    "WHERE datname = current_database() AND query LIKE 'COPY \"device_import\"%'"
)


@dataclass
class Process:
    port: int
    key: str
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS)


@pytest.fixture
def process(api_settings: ApiSettings, clean_ledger: Ledger) -> Iterator[Process]:
    port = free_port()
    assert api_settings.bootstrap_api_key is not None
    bootstrap_key = api_settings.bootstrap_api_key.get_secret_value()
    environment = os.environ | {
        "FANFARE_DATABASE_URL": api_settings.database_url.get_secret_value(),
        "FANFARE_BROKER_URL": api_settings.broker_url.get_secret_value(),
        "FANFARE_REDIS_URL": api_settings.redis_url.get_secret_value(),
        "FANFARE_ENCRYPTION_KEYS": api_settings.encryption_keys.get_secret_value(),
        "FANFARE_SIGNING_KEYS": api_settings.signing_keys.get_secret_value(),
        "FANFARE_STORAGE_URL": api_settings.storage_url,
        "FANFARE_BOOTSTRAP_API_KEY": bootstrap_key,
        "FANFARE_API_HOST": "127.0.0.1",
        "FANFARE_API_PORT": str(port),
    }
    started = subprocess.Popen([sys.executable, "-c", "from fanfare_api.main import main; main()"], env=environment)
    running = Process(port, bootstrap_key, started)
    _until_alive(running)
    yield running
    started.kill()
    started.wait()


def _until_alive(running: Process) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{running.url}/healthz", trust_env=False).raise_for_status()
        except httpx.TransportError:
            assert running.process.poll() is None, "the api ended at its start"
            time.sleep(0.05)
        else:
            return
    pytest.fail("the api did not answer in time")


@pytest.mark.parametrize("how", ["content-length", "chunked"])
def test_an_import_cut_off_on_the_wire_changes_nothing(
    process: Process, app_id: UUID, ledger: Ledger, how: str
) -> None:
    lines = _lines(0, 20_000)
    with process.connect() as connection:
        connection.sendall(_import_head(process, app_id, None if how == "chunked" else len(lines) + 1))
        connection.sendall(_chunk(lines) if how == "chunked" else lines)
        _until(ledger, COPYING)
    _until(
        ledger,
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'fanfare-api' "
        "AND state LIKE 'idle in transaction%' AND datname = current_database())",
    )
    assert _devices(ledger) == 0
    assert httpx.get(f"{process.url}/healthz", trust_env=False).status_code == 200


def test_a_running_request_is_finished_after_sigterm(process: Process, app_id: UUID, ledger: Ledger) -> None:
    with process.connect() as connection:
        connection.sendall(_import_head(process, app_id, None))
        connection.sendall(_chunk(_lines(0, 10_000)))
        _until(ledger, COPYING)
        process.process.send_signal(signal.SIGTERM)
        _until_refused(process)
        connection.sendall(_chunk(_lines(10_000, 10)) + b"0\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 200")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["inserted"] == 10_010
    assert process.process.wait(PATIENCE_SECONDS) == 0
    assert _devices(ledger) == 10_010


def _import_head(process: Process, app_id: UUID, length: int | None) -> bytes:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return (
        f"POST /v1/devices/import?app_id={app_id} HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer {process.key}\r\n"
        f"Content-Type: application/x-ndjson\r\nConnection: close\r\n{size}\r\n\r\n"
    ).encode()


def _lines(first: int, count: int) -> bytes:
    lines = (
        f'{{"user_id":"user-{n}","token":"token-{n}","platform":"android"}}\n' for n in range(first, first + count)
    )
    return "".join(lines).encode()


def _chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def _until(ledger: Ledger, question: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with ledger.statement() as connection:
            if connection.execute(question).fetchone() == (True,):
                return
        time.sleep(0.02)
    pytest.fail(f"not in time: {question}")


def _until_refused(process: Process) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            process.connect().close()
        except ConnectionRefusedError:
            return
        time.sleep(0.02)
    pytest.fail("it still takes connections")


def _devices(ledger: Ledger) -> int:
    with ledger.statement() as connection:
        row = connection.execute("SELECT count(*) FROM devices").fetchone()
    assert row is not None
    return int(row[0])

"""The same api on either kind of storage, and as a process that can be killed."""

import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from fanfare_api.settings import ApiSettings
from fanfare_shared.db.connection import Ledger
from fanfare_shared.testing.object_stores import own_bucket
from fanfare_shared.testing.polling import until


@pytest.fixture(params=["folder", "s3"])
async def on_storage(
    request: pytest.FixtureRequest,
    app: FastAPI,
    client: httpx.AsyncClient,
    api_settings: ApiSettings,
    run_app: Callable[..., Any],
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """An app whose storage is a local folder, then S3, and a client of it with a key of all scopes."""
    if request.param == "folder":
        request.getfixturevalue("stored_keys")  # empties it
        yield app, client
        return
    bucket = own_bucket(request.getfixturevalue("s3_server"))
    settings = api_settings.model_copy(update=bucket.model_dump(include={*bucket.model_fields_set}))
    async with run_app(settings) as other:
        transport = httpx.ASGITransport(app=other, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=client.headers) as its_client:
            yield other, its_client


class Form:
    """A form as bytes, for what no client would send."""

    boundary = "----boundary"
    headers: ClassVar = {"Content-Type": f"multipart/form-data; boundary={boundary}"}

    @staticmethod
    def part(disposition: str, content: bytes) -> bytes:
        return f"Content-Disposition: form-data; {disposition}\r\n\r\n".encode() + content

    @classmethod
    def body(cls, parts: list[bytes]) -> bytes:
        start = f"--{cls.boundary}\r\n".encode()
        return b"".join(start + part + b"\r\n" for part in parts) + f"--{cls.boundary}--\r\n".encode()


@pytest.fixture
def form() -> type[Form]:
    return Form


@dataclass
class Api:
    """An api as a process of its own, on the test's servers."""

    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def _running(api_settings: ApiSettings) -> Iterator[Api]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    secret = SecretStr.get_secret_value
    environment = os.environ | {
        "FANFARE_DATABASE_URL": secret(api_settings.database_url),
        "FANFARE_BROKER_URL": secret(api_settings.broker_url),
        "FANFARE_REDIS_URL": secret(api_settings.redis_url),
        "FANFARE_ENCRYPTION_KEYS": secret(api_settings.encryption_keys),
        "FANFARE_SIGNING_KEYS": secret(api_settings.signing_keys),
        "FANFARE_STORAGE_URL": api_settings.storage_url,
        "FANFARE_API_HOST": "127.0.0.1",
        "FANFARE_API_PORT": str(port),
    }
    command = [sys.executable, "-c", "from fanfare_api.main import main; main()"]
    api = Api(port, subprocess.Popen(command, env=environment))
    try:
        until("the api answers", lambda: _answers(api), 60)
        yield api
    finally:
        api.kill()


@pytest.fixture
def start_api(api_settings: ApiSettings, clean_ledger: Ledger) -> Iterator[Callable[[], Api]]:
    """Starts one, and returns when it answers."""
    with ExitStack() as running:
        yield lambda: running.enter_context(_running(api_settings))


@pytest.fixture(scope="session")
def _api_process(api_settings: ApiSettings) -> Iterator[Api]:
    with _running(api_settings) as api:
        yield api


@pytest.fixture
def api_process(_api_process: Api, clean_ledger: Ledger) -> Api:
    """One that runs as long as the session, on an empty ledger."""
    return _api_process


def _answers(api: Api) -> bool:
    assert api.process.poll() is None, "the api ended at its start"
    try:
        return httpx.get(f"{api.url}/healthz", trust_env=False).is_success
    except httpx.TransportError:
        return False

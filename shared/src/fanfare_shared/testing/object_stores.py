"""A real S3 server, moto's, as a process of the test session's own, and buckets on it."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from fanfare_shared.settings import StorageSettings
from fanfare_shared.testing.polling import until

_STARTED = "Running on "
_HOST = "127.0.0.1"
_REGION = "us-east-1"


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """The server's address. It chooses a free port itself and says so in its log, which is in `folder`."""
    log = folder / "s3-server.log"
    command = [sys.executable, "-m", "moto.server", "-H", _HOST, "-p", "0"]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - this interpreter
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
    try:
        with _past_any_proxy():
            yield until("the S3 server says its address", lambda: _address(log, process), 60)
    finally:
        process.kill()
        process.wait()


@contextmanager
def _past_any_proxy() -> Iterator[None]:
    """Obstore heeds the machine's HTTP_PROXY, and nothing but the environment tells it not to."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("NO_PROXY", "no_proxy"):
            environment.setenv(name, ",".join(filter(None, (os.environ.get(name), _HOST))))
        yield


def _address(log: Path, process: "subprocess.Popen[bytes]") -> str | None:
    text = log.read_text()
    if process.poll() is not None:
        raise AssertionError(f"the S3 server ended: {text}")
    # Werkzeug colours some of its lines.
    return next((line.split(_STARTED)[1].split()[0] for line in text.splitlines() if _STARTED in line), None)


def own_bucket(server: str) -> StorageSettings:
    """Settings of a new bucket with a prefix, on the server at this address."""
    bucket = f"fanfare-test-{secrets.token_hex(6)}"
    httpx.put(f"{server}/{bucket}", trust_env=False, timeout=30).raise_for_status()
    return s3_storage_settings(server, f"s3://{bucket}/some/prefix")


def s3_storage_settings(endpoint: str, url: str) -> StorageSettings:
    return StorageSettings(
        storage_url=url,
        storage_s3_endpoint=endpoint,
        storage_s3_region=_REGION,
        storage_s3_access_key="test",
        storage_s3_secret_key=SecretStr("test-secret"),
    )

"""The real process on a real socket: what an upload takes of its memory, and what a broken one leaves."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fanfare_api.settings import ApiSettings
from fanfare_shared.testing.polling import wait_until

Rows = Callable[..., list[dict[str, Any]]]

BOUNDARY = "----boundary"
JPEG = b"\xff\xd8\xff\xe0" + b"a picture" * 100
MIB = 1024 * 1024


@pytest.fixture
def authorization(make_client: Callable[..., httpx.AsyncClient]) -> dict[str, str]:
    return {"Authorization": make_client("images").headers["Authorization"]}


def _head(name: str) -> bytes:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()


def _form(files: int, size: int) -> Iterator[bytes]:
    for number in range(files):
        yield _head(f"{number}.jpg") + b"\xff\xd8\xff\xe0" + bytes([number])
        for _ in range(size // MIB):
            yield bytes(MIB)
        yield b"\r\n"
    yield f"--{BOUNDARY}--\r\n".encode()


def test_memory_does_not_grow_with_what_is_uploaded(
    api_process: Any, authorization: dict[str, str], ledger_rows: Rows
) -> None:
    api = api_process
    headers = authorization | {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    with httpx.Client(base_url=api.url, trust_env=False, headers=headers, timeout=120) as client:
        client.post("/v1/images", content=_form(1, MIB)).raise_for_status()
        before = _peak_memory(api.process.pid)
        answer = client.post("/v1/images", content=_form(2, 95 * MIB))
        assert answer.status_code == 202
        assert len(answer.json()["images"]) == 2
        assert _peak_memory(api.process.pid) - before < 64 * MIB
    assert sorted(row["size"] for row in ledger_rows("originals")) == [MIB + 5, *[95 * MIB + 5] * 2]


def _peak_memory(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


@pytest.mark.parametrize("how", ["content-length", "chunked"])
def test_an_upload_whose_connection_breaks_leaves_nothing(
    api_process: Any, authorization: dict[str, str], ledger_rows: Rows, stored_keys: Callable[[], set[str]], how: str
) -> None:
    api = api_process
    content = _head("a.jpg") + JPEG + b"\r\n" + _head("b.jpg") + JPEG + bytes(6 * MIB)
    size = "Transfer-Encoding: chunked" if how == "chunked" else f"Content-Length: {len(content) + 1000}"
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as connection:
        head = (
            f"POST /v1/images HTTP/1.1\r\nHost: api\r\nAuthorization: {authorization['Authorization']}\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n{size}\r\n\r\n"
        )
        framed = f"{len(content):x}\r\n".encode() + content + b"\r\n" if how == "chunked" else content
        connection.sendall(head.encode() + framed)
        wait_until(lambda: len(ledger_rows("doomed_objects")) == 2, "both files are on their way")
    wait_until(lambda: not ledger_rows("doomed_objects"), "what was stored is taken back")
    assert stored_keys() == set()
    assert ledger_rows("images") == []
    assert httpx.get(f"{api.url}/healthz", trust_env=False).status_code == 200


def test_an_upload_that_announces_too_much_is_refused_before_it_is_sent(
    api_process: Any, authorization: dict[str, str], api_settings: ApiSettings
) -> None:
    with socket.create_connection(("127.0.0.1", api_process.port), timeout=30) as connection:
        head = (
            f"POST /v1/images HTTP/1.1\r\nHost: api\r\nAuthorization: {authorization['Authorization']}\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nConnection: close\r\n"
            f"Content-Length: {api_settings.api_upload_max_bytes + 1}\r\n\r\n"
        )
        connection.sendall(head.encode())
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"PAYLOAD_TOO_LARGE" in answer

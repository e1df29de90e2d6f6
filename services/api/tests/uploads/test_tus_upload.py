"""Resumable uploads by tus 1.0.0, of any replica, across interruptions and an api's death."""

import base64
import hashlib
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from tusclient.client import TusClient

from fanfare_api.settings import ApiSettings
from fanfare_shared.db.connection import Ledger
from fanfare_shared.storage.local_folder import LocalFolder
from fanfare_shared.testing.polling import wait_until

Rows = Callable[..., list[dict[str, Any]]]
StoredKeys = Callable[[], set[str]]
OnStorage = tuple[FastAPI, httpx.AsyncClient]

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = TUS | {"Content-Type": "application/offset+octet-stream"}
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 100
PIECE = 8 * 1024 * 1024


def _metadata(**values: str) -> str:
    values = {"filename": "a.jpg"} | values
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


async def _create(client: httpx.AsyncClient, size: int = len(JPEG), **values: str) -> str:
    headers = TUS | {"Upload-Length": str(size), "Upload-Metadata": _metadata(**values)}
    answer = await client.post("/v1/uploads/tus", headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


async def _patch(client: httpx.AsyncClient, address: str, offset: int, content: Any) -> httpx.Response:
    return await client.patch(address, headers=BYTES | {"Upload-Offset": str(offset)}, content=content)


async def test_what_of_tus_is_spoken_is_said_without_a_key(make_client: Callable[..., httpx.AsyncClient]) -> None:
    answer = await make_client(key="").options("/v1/uploads/tus")
    assert (answer.status_code, answer.headers["Tus-Version"]) == (204, "1.0.0")
    assert set(answer.headers["Tus-Extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "termination",
        "expiration",
    }


async def test_an_upload_in_pieces_becomes_an_image(on_storage: OnStorage, ledger_rows: Rows) -> None:
    app, client = on_storage
    address = await _create(client, folder="휴가", owner="me", preset="thumbnails", filetype="image/jpeg")
    for start, end in ((0, 10), (10, 20_000), (20_000, len(JPEG))):
        head = await client.head(address, headers=TUS)
        assert (head.status_code, head.headers["Upload-Offset"]) == (200, str(start))
        assert head.headers["Upload-Length"] == str(len(JPEG))
        assert (head.headers["Cache-Control"], head.headers["Tus-Resumable"]) == ("no-store", "1.0.0")
        answer = await _patch(client, address, start, JPEG[start:end])
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(end))
    (image,) = ledger_rows("images")
    assert (str(image["id"]), image["name"], image["owner"]) == (answer.headers["Fanfare-Image-Id"], "a.jpg", "me")
    assert [folder["path"] for folder in ledger_rows("folders")] == ["휴가"]
    (job,) = ledger_rows("image_jobs")
    assert str(job["id"]) == answer.headers["Fanfare-Job-Id"]
    assert len(job["parameters"]["pipeline"]["variants"]) == 3
    (original,) = ledger_rows("originals")
    assert original["digest"] == hashlib.sha256(JPEG).digest()
    storage = app.state.runtime.storage()
    assert storage.get(original["key"]) == JPEG
    assert {found.key for found in storage.list()} == {original["key"]}
    assert ledger_rows("doomed_objects") == []

    done = await client.head(address, headers=TUS)
    assert done.headers["Upload-Offset"] == done.headers["Upload-Length"] == str(len(JPEG))
    shown = (await client.get(f"/v1/images/uploads/{address.rpartition('/')[2]}")).json()
    assert (shown["kind"], shown["received"], shown["image_id"]) == ("resumable", len(JPEG), str(image["id"]))


async def test_a_file_may_come_with_its_creation(client: httpx.AsyncClient, ledger_rows: Rows) -> None:
    headers = BYTES | {"Upload-Length": str(len(JPEG)), "Upload-Metadata": _metadata(relativePath="x/y/b.jpg")}
    answer = await client.post("/v1/uploads/tus", headers=headers, content=JPEG[:100])
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "100")
    assert (await _patch(client, answer.headers["Location"], 100, JPEG[100:])).status_code == 204
    whole = await client.post("/v1/uploads/tus", headers=headers, content=JPEG)
    assert (whole.status_code, whole.headers["Upload-Offset"]) == (201, str(len(JPEG)))
    assert [image["name"] for image in ledger_rows("images")] == ["b.jpg", "b.jpg"]
    assert len(ledger_rows("originals")) == 1


async def test_replicas_take_turns(
    run_app: Callable[..., Any], api_settings: ApiSettings, client: httpx.AsyncClient, ledger_rows: Rows
) -> None:
    address = await _create(client)
    async with run_app(api_settings) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=client.headers) as other:
            await _patch(client, address, 0, JPEG[:1000])
            await _patch(other, address, 1000, JPEG[1000:2000])
            answer = await _patch(client, address, 2000, JPEG[2000:])
    assert answer.headers["Upload-Offset"] == str(len(JPEG))
    assert [original["digest"] for original in ledger_rows("originals")] == [hashlib.sha256(JPEG).digest()]


async def test_of_two_at_one_offset_one_wins_and_the_other_leaves_nothing(
    client: httpx.AsyncClient, ledger_rows: Rows, stored_keys: StoredKeys
) -> None:
    address = await _create(client)

    async def slow() -> AsyncIterator[bytes]:
        yield JPEG[:500]
        assert (await _patch(client, address, 0, JPEG[:1000])).status_code == 204
        yield JPEG[500:900]

    answer = await _patch(client, address, 0, slow())
    assert (answer.status_code, answer.json()["code"]) == (409, "UPLOAD_OFFSET_MISMATCH")
    assert (await client.head(address, headers=TUS)).headers["Upload-Offset"] == "1000"
    (upload,) = ledger_rows("uploads")
    assert stored_keys() == {part["key"] for part in upload["state"]["parts"]}
    assert ledger_rows("doomed_objects") == []


async def test_of_two_who_send_the_end_one_makes_the_image(
    client: httpx.AsyncClient, ledger_rows: Rows, stored_keys: StoredKeys
) -> None:
    address = await _create(client)

    async def slow() -> AsyncIterator[bytes]:
        yield JPEG[:500]
        assert (await _patch(client, address, 0, JPEG)).status_code == 204
        yield JPEG[500:]

    answer = await _patch(client, address, 0, slow())
    assert (answer.status_code, answer.json()["code"]) == (409, "UPLOAD_OFFSET_MISMATCH")
    assert len(ledger_rows("images")) == 1
    assert stored_keys() == {original["key"] for original in ledger_rows("originals")}


async def test_another_offset_is_a_conflict_that_says_where_to_go_on(client: httpx.AsyncClient) -> None:
    address = await _create(client)
    await _patch(client, address, 0, JPEG[:1000])
    answer = await _patch(client, address, 500, JPEG[500:])
    assert (answer.status_code, answer.json()["offset"]) == (409, 1000)
    assert (answer.headers["Upload-Offset"], answer.headers["Tus-Resumable"]) == ("1000", "1.0.0")


@pytest.mark.parametrize("size", [30_000, PIECE * 2])
async def test_more_than_was_announced_is_refused(client: httpx.AsyncClient, ledger_rows: Rows, size: int) -> None:
    address = await _create(client)

    async def chunked() -> AsyncIterator[bytes]:
        yield JPEG.ljust(size)

    for content in (JPEG.ljust(size), chunked()):
        answer = await _patch(client, address, 0, content)
        assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert ledger_rows("images") == []
    assert (await client.head(address, headers=TUS)).headers["Upload-Offset"] == "0"


@pytest.mark.parametrize("pieces", [[100], [10, 20_000]], ids=["at-once", "at-the-end"])
async def test_a_file_that_is_no_image_is_given_up(
    client: httpx.AsyncClient, ledger_rows: Rows, stored_keys: StoredKeys, pieces: list[int]
) -> None:
    content = b"just a text ".ljust(20_000)
    address = await _create(client, len(content))
    start = 0
    for end in pieces:
        answer = await _patch(client, address, start, content[start:end])
        start = end
    assert (answer.status_code, answer.json()["code"]) == (415, "IMAGE_TYPE_UNSUPPORTED")
    assert (await client.head(address, headers=TUS)).status_code == 404
    assert (ledger_rows("uploads"), ledger_rows("images"), stored_keys()) == ([], [], set())


async def test_an_upload_that_is_given_up_leaves_nothing(
    client: httpx.AsyncClient, ledger_rows: Rows, stored_keys: StoredKeys
) -> None:
    address = await _create(client)
    await _patch(client, address, 0, JPEG[:1000])
    assert len(stored_keys()) == 1
    assert (await client.delete(address, headers=TUS)).status_code == 204
    assert (await client.head(address, headers=TUS)).status_code == 404
    assert (ledger_rows("uploads"), ledger_rows("doomed_objects"), stored_keys()) == ([], [], set())


async def test_an_upload_expires(client: httpx.AsyncClient, ledger: Ledger) -> None:
    address = await _create(client)
    assert (await client.head(address, headers=TUS)).headers["Upload-Expires"].endswith("GMT")
    with ledger.transaction() as connection:
        connection.execute("UPDATE uploads SET expires_at = now() - interval '1 second'")
    assert (await client.head(address, headers=TUS)).status_code == 410
    answer = await _patch(client, address, 0, JPEG)
    assert (answer.status_code, answer.json()["code"]) == (410, "UPLOAD_EXPIRED")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Upload-Length": "100"}, 412, "UPLOAD_VERSION_UNSUPPORTED"),
        (TUS | {"Upload-Metadata": _metadata()}, 422, "INVALID_REQUEST"),
        (TUS | {"Upload-Length": "-1", "Upload-Metadata": _metadata()}, 422, "INVALID_REQUEST"),
        (TUS | {"Upload-Length": "0", "Upload-Metadata": _metadata()}, 422, "IMAGE_EMPTY"),
        (TUS | {"Upload-Length": "9" * 15, "Upload-Metadata": _metadata()}, 413, "IMAGE_TOO_LARGE"),
        (TUS | {"Upload-Length": "100"}, 422, "NAME_INVALID"),
        (TUS | {"Upload-Length": "100", "Upload-Metadata": "filename ???"}, 422, "INVALID_REQUEST"),
        (TUS | {"Upload-Length": "100", "Upload-Metadata": _metadata(filename="../a")}, 422, "NAME_INVALID"),
        (TUS | {"Upload-Length": "100", "Upload-Metadata": _metadata(filename="휴" * 300)}, 422, "NAME_TOO_LONG"),
        (TUS | {"Upload-Length": "100", "Upload-Metadata": _metadata(preset="none")}, 422, "INVALID_REQUEST"),
        (TUS | {"Upload-Length": "100", "Upload-Metadata": _metadata(pipeline="{")}, 422, "INVALID_REQUEST"),
        (TUS | {"Upload-Length": "100", "Upload-Metadata": _metadata(folder_id=str(UUID(int=1)))}, 404, "NOT_FOUND"),
    ],
)
async def test_what_would_be_rejected_is_refused_before_it_is_sent(
    client: httpx.AsyncClient, ledger_rows: Rows, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await client.post("/v1/uploads/tus", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ledger_rows("uploads") == []


async def test_a_piece_has_its_own_content_type(client: httpx.AsyncClient) -> None:
    address = await _create(client)
    answer = await client.patch(address, headers=TUS | {"Upload-Offset": "0"}, content=JPEG)
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_resumable_uploads_need_the_scope_images(
    make_client: Callable[..., httpx.AsyncClient], client: httpx.AsyncClient
) -> None:
    address = await _create(client)
    for other, status in ((make_client("read"), 403), (make_client(key=""), 401)):
        headers = TUS | {"Upload-Length": "100", "Upload-Metadata": _metadata()}
        assert (await other.post("/v1/uploads/tus", headers=headers)).status_code == status
        assert (await other.head(address, headers=TUS)).status_code == status
        assert (await _patch(other, address, 0, JPEG)).status_code == status
        assert (await other.delete(address, headers=TUS)).status_code == status


async def test_a_pipeline_is_given_as_json(client: httpx.AsyncClient, ledger_rows: Rows) -> None:
    pipeline = json.dumps({"variants": [{"name": "tiny", "thumbnail": 50}]})
    await _patch(client, await _create(client, pipeline=pipeline), 0, JPEG)
    (job,) = ledger_rows("image_jobs")
    assert job["parameters"]["pipeline"]["variants"][0]["name"] == "tiny"


@pytest.fixture
def key(make_client: Callable[..., httpx.AsyncClient]) -> str:
    return make_client("images").headers["Authorization"]


@pytest.fixture(autouse=True)
def _straight_to_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_tus_own_client_resumes_after_the_api_was_killed(
    start_api: Callable[..., Any], api_process: Any, key: str, ledger_rows: Rows, api_settings: ApiSettings
) -> None:
    content = b"\xff\xd8\xff\xe0" + os.urandom(20_000_000)
    api = start_api()
    metadata = {"filename": "큰 사진.jpg", "folder": "holiday"}
    client = TusClient(f"{api.url}/v1/uploads/tus", headers={"Authorization": key})
    uploader = client.uploader(file_stream=BytesIO(content), chunk_size=5_000_000, metadata=metadata)
    uploader.upload(stop_at=10_000_000)
    api.kill()

    client = TusClient(f"{api_process.url}/v1/uploads/tus", headers={"Authorization": key})
    url = str(uploader.url).replace(api.url, api_process.url)
    resumed = client.uploader(file_stream=BytesIO(content), chunk_size=5_000_000, url=url)
    assert resumed.offset == 10_000_000
    resumed.upload()

    (image,) = ledger_rows("images")
    assert image["name"] == "큰 사진.jpg"
    (original,) = ledger_rows("originals")
    assert (original["digest"], original["size"]) == (hashlib.sha256(content).digest(), len(content))
    folder = LocalFolder(Path(api_settings.storage_url.removeprefix("file://")))
    assert [found.size for found in folder.list("originals") if found.key == original["key"]] == [len(content)]


def test_what_arrived_before_the_connection_broke_is_kept(api_process: Any, key: str, ledger_rows: Rows) -> None:
    api = api_process
    headers = TUS | {"Authorization": key}
    content = JPEG + os.urandom(PIECE * 2)
    with httpx.Client(base_url=api.url, trust_env=False, headers=headers, timeout=30) as client:
        creation = {"Upload-Length": str(len(content)), "Upload-Metadata": _metadata()}
        address = client.post("/v1/uploads/tus", headers=creation).headers["Location"]
        with socket.create_connection(("127.0.0.1", api.port), timeout=30) as connection:
            head = (
                f"PATCH {address} HTTP/1.1\r\nHost: api\r\nAuthorization: {key}\r\nTus-Resumable: 1.0.0\r\n"
                f"Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\n"
                f"Content-Length: {len(content)}\r\n\r\n"
            )
            connection.sendall(head.encode() + content[: PIECE + 1_000_000])

        def offset() -> int:
            return int(client.head(address).headers["Upload-Offset"])

        wait_until(lambda: offset() == PIECE + 1_000_000, "all that arrived is recorded")
        rest = content[offset() :]
        answer = client.patch(address, headers=BYTES | {"Upload-Offset": str(len(content) - len(rest))}, content=rest)
        assert answer.status_code == 204
    assert [row["digest"] for row in ledger_rows("originals")] == [hashlib.sha256(content).digest()]

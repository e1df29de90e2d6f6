"""Uploads straight to storage: one contract over a local folder and S3."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from fanfare_shared.db.connection import Ledger

Rows = Callable[..., list[dict[str, Any]]]
OnStorage = tuple[FastAPI, httpx.AsyncClient]

JPEG = b"\xff\xd8\xff\xe0" + b"a picture" * 100


def _body(content: bytes = JPEG, **changes: Any) -> dict[str, Any]:
    return {"name": "a.jpg", "size": len(content), "media_type": "image/jpeg"} | changes


async def _send(app: FastAPI, made: dict[str, Any], content: bytes = JPEG) -> httpx.Response:
    """As a client would that knows nothing but the answer: to the api, or to S3."""
    transport = httpx.ASGITransport(app=app) if made["url"].startswith("/") else None
    async with httpx.AsyncClient(transport=transport, base_url="http://api", trust_env=False, timeout=30) as anyone:
        return await anyone.request(made["method"], made["url"], content=content, headers=made["headers"])


async def test_a_file_is_sent_past_the_key_and_becomes_an_image(on_storage: OnStorage, ledger_rows: Rows) -> None:
    app, client = on_storage
    begun = await client.post("/v1/images/uploads", json=_body(folder="holiday", owner="me", preset="thumbnails"))
    assert begun.status_code == 201, begun.text
    made = begun.json()
    assert begun.headers["Location"] == f"/v1/images/uploads/{made['upload_id']}"
    assert made["method"] == "PUT"
    assert (await _send(app, made)).status_code == 200
    answer = await client.post(f"/v1/images/uploads/{made['upload_id']}/complete")
    assert answer.status_code == 202, answer.text
    (image,) = answer.json()["images"]
    assert (image["name"], image["folder"], image["status"]) == ("a.jpg", "holiday", "processing")

    (original,) = ledger_rows("originals")
    assert original["digest"] == hashlib.sha256(JPEG).digest()
    storage = app.state.runtime.storage()
    assert storage.get(original["key"]) == JPEG
    assert [found.key for found in storage.list("uploads")] == []
    assert ledger_rows("doomed_objects") == []
    (job,) = ledger_rows("image_jobs")
    assert (job["lane"], len(job["parameters"]["pipeline"]["variants"])) == ("images.interactive", 3)
    (row,) = ledger_rows("images")
    assert row["owner"] == "me"

    again = await client.post(f"/v1/images/uploads/{made['upload_id']}/complete")
    assert (again.status_code, again.json()["images"][0]["id"]) == (202, image["id"])
    shown = (await client.get(f"/v1/images/uploads/{made['upload_id']}")).json()
    assert (shown["kind"], shown["image_id"], shown["job_id"]) == ("direct", image["id"], answer.json()["job_id"])
    assert len(ledger_rows("images")) == 1


async def test_the_same_bytes_are_stored_once(on_storage: OnStorage, ledger_rows: Rows) -> None:
    app, client = on_storage
    first = (await client.post("/v1/images", files=[("files", ("a.jpg", JPEG))])).json()["images"][0]
    made = (await client.post("/v1/images/uploads", json=_body())).json()
    await _send(app, made)
    answer = await client.post(f"/v1/images/uploads/{made['upload_id']}/complete")
    assert answer.json()["images"][0]["duplicate_of"] == first["id"]
    (original,) = ledger_rows("originals")
    assert [found.key for found in app.state.runtime.storage().list()] == [original["key"]]


async def test_completing_ten_times_at_once_makes_one_image(
    client: httpx.AsyncClient, app: FastAPI, ledger_rows: Rows
) -> None:
    made = (await client.post("/v1/images/uploads", json=_body())).json()
    await _send(app, made)
    posts = (client.post(f"/v1/images/uploads/{made['upload_id']}/complete") for _ in range(10))
    answers = await asyncio.gather(*posts)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["images"][0]["id"] for answer in answers}) == 1
    assert (len(ledger_rows("images")), len(ledger_rows("originals"))) == (1, 1)


async def test_a_file_that_was_not_sent_cannot_be_completed(on_storage: OnStorage, ledger_rows: Rows) -> None:
    _, client = on_storage
    made = (await client.post("/v1/images/uploads", json=_body())).json()
    answer = await client.post(f"/v1/images/uploads/{made['upload_id']}/complete")
    assert (answer.status_code, answer.json()["code"]) == (409, "UPLOAD_INCOMPLETE")
    assert ledger_rows("images") == []


async def test_a_file_that_is_no_image_can_be_sent_again(
    client: httpx.AsyncClient, app: FastAPI, ledger_rows: Rows
) -> None:
    made = (await client.post("/v1/images/uploads", json=_body())).json()
    await _send(app, made, b"x" * len(JPEG))
    answer = await client.post(f"/v1/images/uploads/{made['upload_id']}/complete")
    assert (answer.status_code, answer.json()["code"]) == (415, "IMAGE_TYPE_UNSUPPORTED")
    assert (ledger_rows("images"), ledger_rows("doomed_objects")) == ([], [])
    await _send(app, made)
    assert (await client.post(f"/v1/images/uploads/{made['upload_id']}/complete")).status_code == 202


@pytest.mark.parametrize("length", [len(JPEG) - 1, len(JPEG) + 1, 0])
async def test_our_own_link_takes_exactly_what_was_announced(
    client: httpx.AsyncClient, app: FastAPI, length: int
) -> None:
    made = (await client.post("/v1/images/uploads", json=_body())).json()

    async def chunked() -> AsyncIterator[bytes]:
        yield JPEG.ljust(length)[:length]

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api") as anyone:
        answer = await anyone.put(made["url"], content=chunked())
    assert answer.status_code in {400, 413}
    completed = await client.post(f"/v1/images/uploads/{made['upload_id']}/complete")
    assert completed.json()["code"] == "UPLOAD_INCOMPLETE"


async def test_a_link_that_is_not_ours_or_too_late_takes_nothing(
    client: httpx.AsyncClient, app: FastAPI, ledger: Ledger
) -> None:
    made = (await client.post("/v1/images/uploads", json=_body())).json()
    other = (await client.post("/v1/images/uploads", json=_body())).json()
    stolen = {**made, "url": made["url"].replace(made["upload_id"], other["upload_id"])}
    assert (await _send(app, stolen)).json()["code"] == "LINK_INVALID"
    assert (await _send(app, {**made, "method": "GET"})).status_code == 405
    await _send(app, made)
    await client.post(f"/v1/images/uploads/{made['upload_id']}/complete")
    late = await _send(app, made)
    assert (late.status_code, late.json()["code"]) == (409, "CONFLICT")
    with ledger.transaction() as connection:
        connection.execute("UPDATE uploads SET expires_at = now() - interval '1 second'")
    expired = await _send(app, other)
    assert (expired.status_code, expired.json()["code"]) == (410, "UPLOAD_EXPIRED")
    assert (await client.post(f"/v1/images/uploads/{other['upload_id']}/complete")).status_code == 410
    assert (await client.post(f"/v1/images/uploads/{made['upload_id']}/complete")).status_code == 202


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"size": 0}, 422, "IMAGE_EMPTY"),
        ({"size": 10**12}, 413, "IMAGE_TOO_LARGE"),
        ({"media_type": "text/plain"}, 415, "IMAGE_TYPE_UNSUPPORTED"),
        ({"name": "../a.jpg"}, 422, "NAME_INVALID"),
        ({"name": "x" * 10_000}, 422, "NAME_TOO_LONG"),
        ({"folder": "/etc"}, 422, "NAME_INVALID"),
        ({"folder_id": str(UUID(int=1))}, 404, "NOT_FOUND"),
        ({"preset": "none"}, 422, "INVALID_REQUEST"),
        ({"pipeline": {"variants": []}}, 422, "INVALID_REQUEST"),
        ({"colour": "red"}, 422, "INVALID_REQUEST"),
    ],
)
async def test_what_would_be_rejected_is_refused_before_it_is_sent(
    client: httpx.AsyncClient, ledger_rows: Rows, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = await client.post("/v1/images/uploads", json=_body(**changes))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ledger_rows("uploads") == []


async def test_direct_uploads_need_the_scope_images(
    make_client: Callable[..., httpx.AsyncClient], client: httpx.AsyncClient
) -> None:
    reader = make_client("read")
    assert (await reader.post("/v1/images/uploads", json=_body())).status_code == 403
    made = (await make_client("images").post("/v1/images/uploads", json=_body())).json()
    address = f"/v1/images/uploads/{made['upload_id']}"
    assert (await reader.get(address)).status_code == 200
    assert (await reader.post(f"{address}/complete")).status_code == 403
    assert (await client.get(f"/v1/images/uploads/{UUID(int=1)}")).status_code == 404

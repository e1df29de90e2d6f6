"""A job's archives: links that need no key, for an hour, and downloads with a key."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

AddJob = Callable[..., UUID]
MakeClient = Callable[..., httpx.AsyncClient]

ZIPS = [b"PK\x03\x04 the first", b"PK\x03\x04 the second"]


@pytest.fixture
def archive_job(app: FastAPI, add_job: AddJob) -> Callable[..., UUID]:
    """`archive_job(2)`: a completed job of so many archives, which are in storage."""

    def make(count: int) -> UUID:
        archives = []
        for number, data in enumerate(ZIPS[:count]):
            key = f"archives/test-{number}.zip"
            app.state.runtime.storage().put(key, data, "application/zip")
            archives.append({"key": key, "size": len(data), "items": number + 1})
        return add_job(
            ["succeeded"],
            status="completed",
            operation="archive",
            lane="files.bulk",
            parameters={"name": "Süße Photos"},
            result={"archives": archives},
        )

    return make


async def _archives(client: httpx.AsyncClient, job_id: UUID) -> list[dict[str, Any]]:
    archives: list[dict[str, Any]] = (await client.get(f"/v1/image-jobs/{job_id}")).json()["result"]["archives"]
    return archives


async def test_each_archive_has_a_link_that_needs_no_key(
    client: httpx.AsyncClient, make_client: MakeClient, archive_job: Callable[..., UUID]
) -> None:
    job_id = archive_job(2)
    archives = await _archives(client, job_id)
    assert [(one["number"], one["name"], one["size"], one["items"]) for one in archives] == [
        (0, "Süße Photos-1.zip", len(ZIPS[0]), 1),
        (1, "Süße Photos-2.zip", len(ZIPS[1]), 2),
    ]
    assert "key" not in archives[0]
    expires_in = datetime.fromisoformat(archives[0]["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=50) < expires_in <= timedelta(hours=1)
    stranger = make_client(key="")
    for archive, data in zip(archives, ZIPS, strict=True):
        answer = await stranger.get(archive["url"])
        assert (answer.status_code, answer.content) == (200, data)
        assert answer.headers["content-type"] == "application/zip"
        assert answer.headers["content-disposition"].startswith("attachment")
        part = await stranger.get(archive["url"], headers={"Range": "bytes=2-3"})
        assert (part.status_code, part.content) == (206, data[2:4])


async def test_a_link_is_good_for_its_archive_only(
    client: httpx.AsyncClient, make_client: MakeClient, archive_job: Callable[..., UUID]
) -> None:
    first = urlsplit((await _archives(client, archive_job(2)))[0]["url"])
    stranger = make_client(key="")
    other = await stranger.get(f"{first.path.removesuffix('0')}1?{first.query}")
    assert (other.status_code, other.json()["code"]) == (403, "LINK_INVALID")
    bare = await stranger.get(first.path)
    assert (bare.status_code, bare.json()["code"]) == (401, "UNAUTHENTICATED")


async def test_a_link_ends(app: FastAPI, make_client: MakeClient, archive_job: Callable[..., UUID]) -> None:
    path = f"/v1/image-jobs/{archive_job(1)}/archives/0"
    link = app.state.runtime.links.link("GET", path, -1)
    answer = await make_client(key="").get(link.url)
    assert (answer.status_code, answer.json()["code"]) == (403, "LINK_EXPIRED")


async def test_a_key_that_may_read_downloads_too(make_client: MakeClient, archive_job: Callable[..., UUID]) -> None:
    path = f"/v1/image-jobs/{archive_job(1)}/archives/0"
    answer = await make_client("read").get(path)
    assert (answer.status_code, answer.content) == (200, ZIPS[0])
    assert "S__e Photos.zip" in answer.headers["content-disposition"]
    assert (await make_client("images").get(path)).status_code == 403


async def test_what_is_not_there_is_not_found(
    app: FastAPI, client: httpx.AsyncClient, archive_job: Callable[..., UUID]
) -> None:
    job_id = archive_job(1)
    number = await client.get(f"/v1/image-jobs/{job_id}/archives/1")
    assert (number.status_code, number.json()["code"]) == (404, "NOT_FOUND")
    app.state.runtime.storage().delete(["archives/test-0.zip"])
    gone = await client.get(f"/v1/image-jobs/{job_id}/archives/0")
    assert (gone.status_code, gone.json()["code"]) == (404, "OBJECT_MISSING")

"""An image's bytes: attachments, caching, ranges, names, and links that need no key."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from fanfare_api.images.byte_ranges import requested_range
from fanfare_api.settings import ApiSettings
from fanfare_shared.db.connection import Ledger
from fanfare_shared.errors import RangeNotSatisfiableError

MakeClient = Callable[..., httpx.AsyncClient]
MakeImage = Callable[..., Awaitable[dict[str, Any]]]
AddVariant = Callable[..., str]

CONTENT = bytes(range(256)) * 10_000


@pytest.fixture
def anonymous(make_client: MakeClient) -> httpx.AsyncClient:
    return make_client(key="")


async def test_an_original_is_an_attachment_and_can_do_nothing(
    client: httpx.AsyncClient, make_image: MakeImage
) -> None:
    image = await make_image('휴가 "1".jpg')
    answer = await client.get(image["original"]["address"])
    assert answer.status_code == 200
    assert len(answer.content) == image["original"]["size"]
    assert answer.content.startswith(b"\xff\xd8\xff")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=\"__ _1_.jpg\"; filename*=UTF-8''%ED%9C%B4%EA%B0%80%20%221%22.jpg"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert "private" in answer.headers["Cache-Control"]


async def test_a_variant_is_shown_under_its_own_name(
    client: httpx.AsyncClient, make_image: MakeImage, add_variant: AddVariant
) -> None:
    image = await make_image("photo.png")
    add_variant(image["id"], CONTENT)
    answer = await client.get(f"/v1/images/{image['id']}/variants/resized")
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Content-Disposition"] == (
        "inline; filename=\"photo_resized.jpg\"; filename*=UTF-8''photo_resized.jpg"
    )
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["Content-Type"] == "image/jpeg"


async def test_a_variants_own_address_is_cached_for_ever_and_its_name_asked_about(
    client: httpx.AsyncClient, make_image: MakeImage, add_variant: AddVariant
) -> None:
    image = await make_image()
    add_variant(image["id"], b"first")
    own = (await client.get(f"/v1/images/{image['id']}")).json()["variants"]["resized"]["address"]
    by_name = f"/v1/images/{image['id']}/variants/resized"
    first = await client.get(own)
    assert "immutable" in first.headers["Cache-Control"]
    assert (await client.get(by_name)).headers["Cache-Control"] == "private, no-cache"
    known = {"If-None-Match": f'"other", W/{first.headers["ETag"]}'}
    answer = await client.get(by_name, headers=known)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == first.headers["ETag"]

    add_variant(image["id"], b"second", digest="cd" * 32)
    for address in (own, by_name):
        answer = await client.get(address, headers=known)
        assert (answer.status_code, answer.content) == (200, b"second")
        assert answer.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=5-", 5, None), ("bytes=-7", -7, None), ("bytes=1048570-1048590", 1048570, 1048590)],
)
async def test_a_range_is_that_part(
    client: httpx.AsyncClient,
    make_image: MakeImage,
    add_variant: AddVariant,
    wanted: str,
    first: int,
    last: int | None,
) -> None:
    image = await make_image()
    add_variant(image["id"], CONTENT)
    answer = await client.get(f"/v1/images/{image['id']}/variants/resized", headers={"Range": wanted})
    part = CONTENT[first : None if last is None else last + 1]
    assert (answer.status_code, answer.content) == (206, part)
    start = first if first >= 0 else len(CONTENT) + first
    assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(part) - 1}/{len(CONTENT)}"
    assert answer.headers["Content-Length"] == str(len(part))


async def test_a_range_beyond_the_end_is_416_and_one_of_other_bytes_is_the_whole(
    client: httpx.AsyncClient, make_image: MakeImage, add_variant: AddVariant
) -> None:
    image = await make_image()
    add_variant(image["id"], b"0123456789")
    address = f"/v1/images/{image['id']}/variants/resized"
    beyond = await client.get(address, headers={"Range": "bytes=10-"})
    assert (beyond.status_code, beyond.json()["code"]) == (416, "RANGE_NOT_SATISFIABLE")
    assert beyond.headers["Content-Range"] == "bytes */10"
    other = await client.get(address, headers={"Range": "bytes=1-2", "If-Range": '"other"'})
    assert (other.status_code, other.content) == (200, b"0123456789")
    same = await client.get(address, headers={"Range": "bytes=1-2", "If-Range": other.headers["ETag"]})
    assert (same.status_code, same.content) == (206, b"12")


@pytest.mark.parametrize(
    "header", ["bytes=0-1,3-4", "items=0-1", "bytes=x-", "bytes=-", "bytes=5-2", "bytes=0-99", None]
)
def test_a_range_that_says_nothing_else_is_the_whole(header: str | None) -> None:
    assert requested_range(header, 10).is_whole


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=99-100", 10)])
def test_a_range_without_a_byte_cannot_be_satisfied(header: str, size: int) -> None:
    with pytest.raises(RangeNotSatisfiableError):
        requested_range(header, size)


async def test_head_says_what_get_would(
    client: httpx.AsyncClient, make_image: MakeImage, add_variant: AddVariant
) -> None:
    image = await make_image()
    add_variant(image["id"], CONTENT)
    for address in (image["original"]["address"], f"/v1/images/{image['id']}/variants/resized"):
        head, get = await client.head(address), await client.get(address)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("Content-Length", "ETag", "Content-Type", "Content-Disposition", "Cache-Control"):
            assert head.headers[name] == get.headers[name]
        part = await client.head(address, headers={"Range": "bytes=0-0"})
        assert (part.status_code, part.headers["Content-Length"]) == (206, "1")


async def test_what_is_not_there_is_said_so(
    client: httpx.AsyncClient, make_image: MakeImage, add_variant: AddVariant, app: FastAPI, ledger: Ledger
) -> None:
    image = await make_image()
    address = f"/v1/images/{image['id']}"
    key = add_variant(image["id"], b"x")
    app.state.runtime.storage().delete([key])
    lost = await client.get(f"{address}/variants/resized")
    assert (lost.status_code, lost.json()["code"]) == (404, "OBJECT_MISSING")
    assert (await client.get(f"{address}/variants/none")).json()["code"] == "NOT_FOUND"
    assert (await client.get(f"/v1/images/{UUID(int=1)}/original")).json()["code"] == "NOT_FOUND"
    with ledger.transaction() as connection:
        connection.execute("UPDATE originals SET key = NULL, dropped_at = now()")
    for answer in (
        await client.get(f"{address}/original"),
        await client.post(f"{address}/links", json={"what": "original"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (410, "ORIGINAL_DROPPED")
    assert (await client.get(address)).json()["original"]["dropped_at"] is not None


async def test_a_link_needs_no_key(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, make_image: MakeImage, add_variant: AddVariant
) -> None:
    image = await make_image()
    add_variant(image["id"], CONTENT)
    for what in ("original", "resized"):
        made = await client.post(f"/v1/images/{image['id']}/links", json={"what": what, "expires_in": 60})
        assert (made.status_code, made.json()["method"]) == (201, "GET")
        url = made.json()["url"]
        assert (await anonymous.get(url)).status_code == 200
        assert (await anonymous.head(url)).status_code == 200
        assert (await anonymous.get(url, headers={"Range": "bytes=0-3"})).status_code == 206
        for forged in (
            url.replace(image["id"], str(UUID(int=1))),
            url.replace("expires=", "expires=9"),
            url[:-1] + ("0" if url[-1] != "0" else "1"),
            url + "&more=1",
        ):
            answer = await anonymous.get(forged)
            assert (answer.status_code, answer.json()["code"]) == (403, "LINK_INVALID")
        assert (await anonymous.get(url.partition("?")[0])).status_code == 401


async def test_a_link_is_good_for_what_it_was_made_for_alone(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, make_image: MakeImage, add_variant: AddVariant
) -> None:
    image = await make_image()
    add_variant(image["id"], b"x")
    made = (await client.post(f"/v1/images/{image['id']}/links", json={"what": "original"})).json()
    query = made["url"].partition("?")[2]
    for address in (f"/v1/images/{image['id']}/variants/resized", f"/v1/images/{image['id']}"):
        assert (await anonymous.get(f"{address}?{query}")).status_code in {401, 403}
    assert (await anonymous.delete(f"/v1/images/{image['id']}?{query}")).status_code == 401


async def test_a_link_expires(app: FastAPI, anonymous: httpx.AsyncClient, make_image: MakeImage) -> None:
    image = await make_image()
    link = app.state.runtime.links.link("GET", f"/v1/images/{image['id']}/original", -1)
    answer = await anonymous.get(link.url)
    assert (answer.status_code, answer.json()["code"]) == (403, "LINK_EXPIRED")


async def test_a_link_survives_its_signing_key_for_as_long_as_that_is_listed(
    client: httpx.AsyncClient, make_image: MakeImage, run_app: Callable[..., Any], api_settings: ApiSettings
) -> None:
    image = await make_image()
    url = (await client.post(f"/v1/images/{image['id']}/links", json={"what": "original"})).json()["url"]
    old, new = api_settings.signing_keys.get_secret_value(), "another-signing-key-for-tests-of-32-characters"
    for keys, status in ((f"{new},{old}", 200), (new, 403)):
        async with run_app(api_settings.model_copy(update={"signing_keys": SecretStr(keys)})) as app:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://api") as other:
                assert (await other.get(url)).status_code == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"what": "none"}, 404),
        ({}, 422),
        ({"what": "original", "expires_in": 0}, 422),
        ({"what": "original", "expires_in": 604_801}, 422),
    ],
)
async def test_a_link_that_cannot_be_is_refused(
    client: httpx.AsyncClient, make_image: MakeImage, body: dict[str, Any], status: int
) -> None:
    image = await make_image()
    assert (await client.post(f"/v1/images/{image['id']}/links", json=body)).status_code == status


async def test_reading_bytes_needs_read_and_linking_needs_images(
    make_client: MakeClient, make_image: MakeImage, anonymous: httpx.AsyncClient
) -> None:
    address = f"/v1/images/{(await make_image())['id']}"
    reader, writer = make_client("read"), make_client("images")
    assert (await reader.get(f"{address}/original")).status_code == 200
    assert (await writer.get(f"{address}/original")).status_code == 403
    assert (await anonymous.get(f"{address}/original")).status_code == 401
    assert (await reader.post(f"{address}/links", json={"what": "original"})).status_code == 403
    assert (await writer.post(f"{address}/links", json={"what": "original"})).status_code == 201

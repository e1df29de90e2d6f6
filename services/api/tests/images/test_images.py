"""`/v1/images`: how images are found, shown, renamed, moved and trashed."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from fanfare_shared.db.connection import Ledger

MakeClient = Callable[..., httpx.AsyncClient]
MakeImage = Callable[..., Awaitable[dict[str, Any]]]
AddVariant = Callable[..., str]


async def test_an_image_that_was_just_taken_in_is_processing(make_image: MakeImage) -> None:
    image = await make_image("a.jpg", folder="holiday", owner="me")
    assert (image["name"], image["status"], image["error"], image["folder"]) == ("a.jpg", "processing", None, "holiday")
    assert (image["owner"], image["variants"], image["trashed_at"]) == ("me", {}, None)
    original = image["original"]
    assert (original["media_type"], original["width"], original["dropped_at"]) == ("image/jpeg", None, None)
    assert original["address"] == f"/v1/images/{image['id']}/original"


async def test_a_ready_image_lists_its_variants(
    client: httpx.AsyncClient, make_image: MakeImage, add_variant: AddVariant
) -> None:
    image = await make_image("휴가.png")
    add_variant(image["id"], b"x" * 10)
    add_variant(image["id"], b"y", "thumbnail", "cd" * 32)
    shown = (await client.get(f"/v1/images/{image['id']}")).json()
    assert shown["status"] == "ready"
    assert list(shown["variants"]) == ["resized", "thumbnail"]
    assert shown["variants"]["resized"] == {
        "size": 10,
        "format": "jpeg",
        "media_type": "image/jpeg",
        "width": 800,
        "height": 600,
        "pages": 1,
        "filename": "휴가_resized.jpg",
        "address": f"/v1/images/{image['id']}/variants/resized?v={'ab' * 16}",
    }


async def test_a_failed_image_says_why(client: httpx.AsyncClient, make_image: MakeImage, ledger: Ledger) -> None:
    image = await make_image()
    with ledger.transaction() as connection:
        connection.execute(
            "UPDATE images SET status = 'failed', error_code = 'IMAGE_CORRUPT', error_message = 'cut off'"
        )
    shown = (await client.get(f"/v1/images/{image['id']}")).json()
    assert (shown["status"], shown["error"]) == ("failed", {"code": "IMAGE_CORRUPT", "message": "cut off"})


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({}, ["e", "d", "c", "b", "a"]),
        ({"folder": "one"}, ["b"]),
        ({"folder": "one", "recursive": "true"}, ["c", "b"]),
        ({"folder": ""}, ["a"]),
        ({"folder": "", "recursive": "true"}, ["e", "d", "c", "b", "a"]),
        ({"folder": "one/two", "recursive": "true"}, ["c"]),
        ({"owner": "me"}, ["d"]),
        ({"status": "failed"}, ["c"]),
        ({"name": "a"}, ["a"]),
        ({"name": "*"}, ["e", "d", "c", "b", "a"]),
        ({"name": "z*"}, []),
        ({"trashed": "true"}, ["f"]),
        ({"trashed": "true", "owner": "me"}, []),
    ],
)
async def test_images_are_found_newest_first(
    client: httpx.AsyncClient,
    make_image: MakeImage,
    ledger: Ledger,
    params: dict[str, str],
    names: list[str],
) -> None:
    await make_image("a")
    await make_image("one/b")
    failed = await make_image("one/two/c")
    await make_image("one2/d", owner="me")
    await make_image("on/e")
    trashed = await make_image("one/f")
    with ledger.transaction() as connection:
        connection.execute("UPDATE images SET status = 'failed' WHERE id = %s", (failed["id"],))
    await client.delete(f"/v1/images/{trashed['id']}")
    answer = await client.get("/v1/images", params=params)
    assert [image["name"] for image in answer.json()["items"]] == names
    if params.get("folder") == "one":
        by_id = {"folder_id": str(await _folder_id(client, "one"))} | {k: v for k, v in params.items() if k != "folder"}
        again = await client.get("/v1/images", params=by_id)
        assert [image["name"] for image in again.json()["items"]] == names


@pytest.mark.parametrize(
    ("name", "found"),
    [("IMG_*", ["IMG_2.jpg", "IMG_10.jpg"]), ("IMG", []), ("휴*", ["휴가.jpg"]), ("\ud7ff*", []), ("%*", [])],
)
async def test_names_are_found_by_how_they_begin(
    client: httpx.AsyncClient, make_image: MakeImage, name: str, found: list[str]
) -> None:
    for given in ("IMG_10.jpg", "IMG_2.jpg", "img_3.jpg", "휴가.jpg"):
        await make_image(given)
    answer = await client.get("/v1/images", params={"name": name})
    assert [image["name"] for image in answer.json()["items"]] == found


async def test_pages_hold_every_image_once(client: httpx.AsyncClient, make_image: MakeImage) -> None:
    made = [(await make_image(f"{n}.jpg"))["id"] for n in range(5)]
    first = (await client.get("/v1/images", params={"limit": "3"})).json()
    second = (await client.get("/v1/images", params={"limit": "3", "cursor": first["next_cursor"]})).json()
    assert [image["id"] for image in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"folder": "nowhere"}, 404),
        ({"folder_id": str(UUID(int=1))}, 404),
        ({"folder_id": str(UUID(int=1)), "recursive": "true"}, 404),
        ({"folder": "a", "folder_id": str(UUID(int=1))}, 422),
        ({"folder": "../a"}, 422),
        ({"status": "lost"}, 422),
        ({"name": "a\0"}, 422),
    ],
)
async def test_a_filter_that_means_nothing_is_a_problem(
    client: httpx.AsyncClient, params: dict[str, str], status: int
) -> None:
    assert (await client.get("/v1/images", params=params)).status_code == status


async def test_a_trashed_image_is_in_the_trash_alone(client: httpx.AsyncClient, make_image: MakeImage) -> None:
    image = await make_image()
    address = f"/v1/images/{image['id']}"
    assert (await client.get(address, params={"trashed": "true"})).status_code == 404
    assert (await client.delete(address)).status_code == 204
    for answer in (
        await client.get(address),
        await client.get(f"{address}/original"),
        await client.patch(address, json={"name": "x"}),
        await client.delete(address),
        await client.post(f"{address}/links", json={"what": "original"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert (await client.get(address, params={"trashed": "true"})).json()["trashed_at"] is not None
    assert (await client.get("/v1/audit")).json()["items"][0]["action"] == "image.trash"


async def test_an_image_is_renamed_and_moved(client: httpx.AsyncClient, make_image: MakeImage) -> None:
    image = await make_image("a.jpg")
    address = f"/v1/images/{image['id']}"
    renamed = (await client.patch(address, json={"name": "b.jpg"})).json()
    assert (renamed["name"], renamed["folder"]) == ("b.jpg", None)
    moved = (await client.patch(address, json={"folder": "new/place"})).json()
    assert (moved["name"], moved["folder"]) == ("b.jpg", "new/place")
    above = await _folder_id(client, "new")
    assert (await client.patch(address, json={"folder_id": str(above)})).json()["folder"] == "new"
    for to_top in ({"folder_id": None}, {"folder": ""}):
        assert (await client.patch(address, json={"folder": "new/place"})).json()["folder"] == "new/place"
        assert (await client.patch(address, json=to_top)).json()["folder"] is None


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "../x"}, 422, "NAME_INVALID"),
        ({"name": "x" * 256}, 422, "NAME_TOO_LONG"),
        ({"name": None}, 422, "INVALID_REQUEST"),
        ({}, 422, "INVALID_REQUEST"),
        ({"owner": "me"}, 422, "INVALID_REQUEST"),
        ({"folder": "a", "folder_id": str(UUID(int=1))}, 422, "INVALID_REQUEST"),
        ({"folder_id": str(UUID(int=1))}, 404, "NOT_FOUND"),
    ],
)
async def test_a_change_that_cannot_be_is_refused(
    client: httpx.AsyncClient, make_image: MakeImage, body: dict[str, Any], status: int, code: str
) -> None:
    image = await make_image("a.jpg")
    answer = await client.patch(f"/v1/images/{image['id']}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await client.get(f"/v1/images/{image['id']}")).json()["name"] == "a.jpg"


async def test_images_need_their_scopes(make_client: MakeClient, make_image: MakeImage) -> None:
    address = f"/v1/images/{(await make_image())['id']}"
    reader, writer = make_client("read"), make_client("images")
    assert (await reader.get(address)).status_code == 200
    assert (await writer.get(address)).status_code == 403
    assert (await reader.patch(address, json={"name": "x"})).status_code == 403
    assert (await reader.delete(address)).status_code == 403
    assert (await writer.patch(address, json={"name": "x"})).status_code == 200
    assert (await writer.delete(address)).status_code == 204


async def _folder_id(client: httpx.AsyncClient, path: str) -> UUID:
    folders = (await client.get("/v1/folders")).json()["items"]
    return UUID(next(folder["id"] for folder in folders if folder["path"] == path))

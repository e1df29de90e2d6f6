"""`/v1/folders`: the tree, and its paths, which stay right whatever is renamed or moved."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from fanfare_api.folders.names import MAX_PATH_BYTES, checked_file_path, checked_path
from fanfare_shared.errors import NameInvalidError, NameTooLongError
from fanfare_shared.images.file_names import checked_name

MakeClient = Callable[..., httpx.AsyncClient]
Rows = Callable[..., list[dict[str, Any]]]
JPEG = b"\xff\xd8\xff\xe0 a picture"


async def _make(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    answer = await client.post("/v1/folders", json={"path": path})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_path_makes_what_is_missing_above_it(client: httpx.AsyncClient, ledger_rows: Rows) -> None:
    folder = await _make(client, "휴가/2026/summer")
    assert (folder["name"], folder["path"]) == ("summer", "휴가/2026/summer")
    rows = {row["path"]: row for row in ledger_rows("folders")}
    assert set(rows) == {"휴가", "휴가/2026", "휴가/2026/summer"}
    assert str(rows["휴가/2026"]["id"]) == folder["parent_id"]
    assert rows["휴가"]["parent_id"] is None
    assert (await client.get(f"/v1/folders/{folder['id']}")).json() == folder


async def test_a_folder_is_made_in_another(client: httpx.AsyncClient) -> None:
    above = await _make(client, "a")
    answer = await client.post("/v1/folders", json={"parent_id": above["id"], "name": "b"})
    assert (answer.status_code, answer.json()["path"]) == (201, "a/b")
    assert answer.headers["Location"] == f"/v1/folders/{answer.json()['id']}"


async def test_folders_are_listed_by_the_one_they_are_in(client: httpx.AsyncClient) -> None:
    await _make(client, "a/b")
    await _make(client, "c")
    top = (await client.get("/v1/folders")).json()["items"]
    assert sorted(folder["path"] for folder in top) == ["a", "c"]
    a = next(folder for folder in top if folder["path"] == "a")
    below = (await client.get("/v1/folders", params={"parent_id": a["id"]})).json()["items"]
    assert [folder["path"] for folder in below] == ["a/b"]
    assert (await client.get("/v1/folders", params={"parent_id": str(UUID(int=1))})).status_code == 404


async def test_a_renamed_folder_takes_all_below_it_along(client: httpx.AsyncClient, ledger_rows: Rows) -> None:
    folder = await _make(client, "a")
    for path in ("a/b", "a/b/c", "a0", "ab", "b/a"):
        await _make(client, path)
    answer = await client.patch(f"/v1/folders/{folder['id']}", json={"name": "é"})
    assert (answer.status_code, answer.json()["path"]) == (200, "é")
    assert {row["path"] for row in ledger_rows("folders")} == {"é", "é/b", "é/b/c", "a0", "ab", "b", "b/a"}


async def test_a_folder_is_moved_and_moved_back_to_the_top(client: httpx.AsyncClient, ledger_rows: Rows) -> None:
    folder, other = await _make(client, "a/b"), await _make(client, "x")
    await _make(client, "a/b/c")
    moved = await client.patch(f"/v1/folders/{folder['id']}", json={"parent_id": other["id"], "name": "y"})
    assert (moved.json()["path"], moved.json()["parent_id"]) == ("x/y", other["id"])
    back = await client.patch(f"/v1/folders/{folder['id']}", json={"parent_id": None})
    assert (back.json()["path"], back.json()["parent_id"]) == ("y", None)
    assert {row["path"] for row in ledger_rows("folders")} == {"a", "x", "y", "y/c"}


@pytest.mark.parametrize("target", ["a", "a/b"])
async def test_a_folder_is_not_moved_into_itself(client: httpx.AsyncClient, target: str) -> None:
    await _make(client, "a/b")
    paths = {folder["path"]: folder["id"] for folder in (await client.get("/v1/folders")).json()["items"]}
    paths |= {
        folder["path"]: folder["id"]
        for folder in (await client.get("/v1/folders", params={"parent_id": paths["a"]})).json()["items"]
    }
    answer = await client.patch(f"/v1/folders/{paths['a']}", json={"parent_id": paths[target]})
    assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")


async def test_a_place_that_is_taken_is_a_conflict(client: httpx.AsyncClient) -> None:
    a, _ = await _make(client, "a"), await _make(client, "b")
    for answer in (
        await client.post("/v1/folders", json={"path": "b"}),
        await client.patch(f"/v1/folders/{a['id']}", json={"name": "b"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "ALREADY_EXISTS")
    assert (await client.patch(f"/v1/folders/{a['id']}", json={"name": "a"})).status_code == 200


async def test_ten_at_once_make_one_tree(client: httpx.AsyncClient, ledger_rows: Rows) -> None:
    posts = (client.post("/v1/images", files=[("files", (f"a/b/c/{n}.jpg", JPEG))]) for n in range(10))
    assert {answer.status_code for answer in await asyncio.gather(*posts)} == {202}
    assert [row["path"] for row in ledger_rows("folders")] == ["a", "a/b", "a/b/c"]


async def test_paths_stay_right_while_folders_are_made_and_moved_at_once(
    client: httpx.AsyncClient, ledger_rows: Rows
) -> None:
    folder = await _make(client, "a")
    makes = [client.post("/v1/folders", json={"parent_id": folder["id"], "name": f"n{n}"}) for n in range(5)]
    moves = [client.patch(f"/v1/folders/{folder['id']}", json={"name": f"a{n}"}) for n in range(5)]
    uploads = [
        client.post("/v1/images", files=[("files", (f"x{n}/a.jpg", JPEG))], data={"folder_id": folder["id"]})
        for n in range(5)
    ]
    requests = (request for three in zip(makes, moves, uploads, strict=True) for request in three)
    answers = await asyncio.gather(*requests)
    assert {answer.status_code for answer in answers} == {200, 201, 202}
    rows = {row["id"]: row for row in ledger_rows("folders")}
    for row in rows.values():
        above = rows[row["parent_id"]]["path"] + "/" if row["parent_id"] else ""
        assert row["path"] == above + row["name"]


async def test_an_empty_folder_is_deleted_and_a_full_one_is_not(client: httpx.AsyncClient, ledger_rows: Rows) -> None:
    await client.post("/v1/images", files=[("files", ("a/b/c.jpg", JPEG))])
    ids = {row["path"]: row["id"] for row in ledger_rows("folders")}
    for path in ("a", "a/b"):
        answer = await client.delete(f"/v1/folders/{ids[path]}")
        assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
    (image,) = ledger_rows("images")
    await client.delete(f"/v1/images/{image['id']}")
    answer = await client.delete(f"/v1/folders/{ids['a/b']}")
    assert (answer.status_code, "trash" in answer.json()["detail"]) == (409, True)
    empty = await _make(client, "a/empty")
    assert (await client.delete(f"/v1/folders/{empty['id']}")).status_code == 204
    assert (await client.get(f"/v1/folders/{empty['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"path": "../a"}, "NAME_INVALID"),
        ({"path": "/a"}, "NAME_INVALID"),
        ({"path": "a//b"}, "NAME_INVALID"),
        ({"path": "a\0b"}, "NAME_INVALID"),
        ({"name": "a/b"}, "NAME_INVALID"),
        ({"name": ""}, "NAME_INVALID"),
        ({"name": "x" * 256}, "NAME_TOO_LONG"),
        ({"path": "/".join(["한" * 200] * 5)}, "NAME_TOO_LONG"),
        ({"path": ""}, "INVALID_REQUEST"),
        ({}, "INVALID_REQUEST"),
        ({"path": "a", "name": "b"}, "INVALID_REQUEST"),
        ({"name": "a", "colour": "red"}, "INVALID_REQUEST"),
    ],
)
async def test_what_is_no_name_is_refused(
    client: httpx.AsyncClient, ledger_rows: Rows, body: dict[str, Any], code: str
) -> None:
    answer = await client.post("/v1/folders", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert ledger_rows("folders") == []


async def test_a_rename_that_makes_paths_below_too_long_is_refused(client: httpx.AsyncClient) -> None:
    folder = await _make(client, "a")
    await _make(client, "/".join(["a", *["x" * 255] * 9]))
    answer = await client.patch(f"/v1/folders/{folder['id']}", json={"name": "b" * 200})
    assert (answer.status_code, answer.json()["code"]) == (422, "NAME_TOO_LONG")
    assert (await client.get(f"/v1/folders/{folder['id']}")).json()["path"] == "a"


@pytest.mark.parametrize(
    ("scope", "reads", "writes"), [("read", 200, 403), ("images", 403, 201), ("devices", 403, 403)]
)
async def test_folders_need_their_scopes(make_client: MakeClient, scope: str, reads: int, writes: int) -> None:
    client = make_client(scope)
    assert (await client.get("/v1/folders")).status_code == reads
    assert (await client.post("/v1/folders", json={"name": "a"})).status_code == writes


def test_a_path_is_as_long_as_an_index_entry_may_be() -> None:
    longest = "/".join(["x" * 239] * 10)
    assert len(longest) == MAX_PATH_BYTES - 1
    assert checked_path(longest + "x") == longest + "x"
    with pytest.raises(NameTooLongError):
        checked_path(longest + "xx")


def test_a_file_path_is_taken_apart() -> None:
    assert checked_path("a/b/") == "a/b"
    path = checked_file_path("a/b/c.jpg")
    assert (path.folder, path.name) == ("a/b", "c.jpg")
    with pytest.raises(NameInvalidError):
        checked_name("a\u2028b")

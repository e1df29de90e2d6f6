"""`POST /v1/images`: what is refused, by the file or by the whole request, and that it leaves nothing behind."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from fanfare_api.settings import ApiSettings

Upload = Callable[..., Any]
Rows = Callable[..., list[dict[str, Any]]]
StoredKeys = Callable[[], set[str]]

JPEG = b"\xff\xd8\xff\xe0" + b"a picture" * 100
PNG = b"\x89PNG\r\n\x1a\n" + b"another" * 100
BOUNDARY = "----boundary"


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"pipeline": "{"}, "pipeline"),
        ({"pipeline": "{}"}, "pipeline.variants"),
        ({"pipeline": '{"variants": [{"name": "A B"}]}'}, "pipeline.variants.0.name"),
        ({"preset": "nonsense"}, "preset"),
        ({"colour": "red"}, "colour"),
        ({"folder": "a", "folder_id": str(UUID(int=1))}, "folder"),
        ({"folder_id": "x"}, "folder_id"),
        ({"paths": ["a.jpg", "b.jpg"]}, "paths"),
        (
            {"pipeline": f'{{"variants": [{{"name": "a", "watermark": {{"image_id": "{UUID(int=1)}"}}}}]}}'},
            "watermark.image_id",
        ),
    ],
    ids=["json", "shape", "variant", "preset", "unknown", "two-folders", "no-uuid", "paths", "watermark"],
)
async def test_a_field_that_cannot_be_used_changes_nothing(
    upload: Upload, ledger_rows: Rows, stored_keys: StoredKeys, fields: dict[str, Any], what: str
) -> None:
    answer = await upload(("a.jpg", JPEG), **fields)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert what in answer.json()["detail"]
    assert (ledger_rows("images"), ledger_rows("doomed_objects"), stored_keys()) == ([], [], set())


async def test_an_unknown_folder_is_not_found(upload: Upload, stored_keys: StoredKeys) -> None:
    answer = await upload(("a.jpg", JPEG), folder_id=str(UUID(int=1)))
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert stored_keys() == set()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "IMAGE_EMPTY"),
        (b"just a text", "IMAGE_TYPE_UNSUPPORTED"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "IMAGE_TYPE_UNSUPPORTED"),
        (b"\xff\x0a" + bytes(60), "IMAGE_TYPE_UNSUPPORTED"),
        (b"BM" + bytes(60), "IMAGE_TYPE_UNSUPPORTED"),
    ],
    ids=["empty", "text", "svg", "jxl", "bmp"],
)
async def test_what_is_no_image_is_rejected_with_its_reason(
    upload: Upload, ledger_rows: Rows, stored_keys: StoredKeys, content: bytes, code: str
) -> None:
    answer = await upload(("photo.jpg", content))
    assert (answer.status_code, answer.json()["code"]) == (422, "NOTHING_ACCEPTED")
    (rejected,) = answer.json()["rejected"]
    assert (rejected["name"], rejected["code"]) == ("photo.jpg", code)
    assert (ledger_rows("images"), stored_keys()) == ([], set())

    mixed = await upload(("photo.jpg", content), ("good.png", PNG))
    assert mixed.status_code == 202
    assert [image["name"] for image in mixed.json()["images"]] == ["good.png"]
    assert [rejected["code"] for rejected in mixed.json()["rejected"]] == [code]


@pytest.mark.parametrize("size", [60_000, 3_000_000, 6_000_000], ids=["small", "whole", "parts"])
async def test_a_file_over_the_limit_is_rejected_and_not_kept(
    run_app: Callable[..., Any],
    api_settings: ApiSettings,
    client: httpx.AsyncClient,
    ledger_rows: Rows,
    stored_keys: StoredKeys,
    size: int,
) -> None:
    async with run_app(api_settings.model_copy(update={"image_max_bytes": size - 1})) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=client.headers) as other:
            files = [("files", ("a.jpg", JPEG.ljust(size))), ("files", ("b.jpg", JPEG.ljust(size - 1)))]
            answer = await other.post("/v1/images", files=files)
    assert answer.status_code == 202
    assert [(file["name"], file["code"]) for file in answer.json()["rejected"]] == [("a.jpg", "IMAGE_TOO_LARGE")]
    (original,) = ledger_rows("originals")
    assert stored_keys() == {original["key"]}
    assert ledger_rows("doomed_objects") == []


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (b"../../etc/passwd", "NAME_INVALID"),
        (b"/etc/passwd", "NAME_INVALID"),
        (b"a//b.jpg", "NAME_INVALID"),
        (b"a/", "NAME_INVALID"),
        (b"..", "NAME_INVALID"),
        (b"a\\\\..\\\\b.jpg", "NAME_INVALID"),
        (b"a\0b.jpg", "NAME_INVALID"),
        (b"a\tb.jpg", "NAME_INVALID"),
        (b"a%0D%0Ab.jpg", "NAME_INVALID"),
        (b"", "NAME_INVALID"),
        (b"   ", "NAME_INVALID"),
        (b"\xff\xfe.jpg", "NAME_INVALID"),
        ("photo\u202egpj.exe".encode(), "NAME_INVALID"),
        (b"x" * 10_000, "NAME_TOO_LONG"),
        ("휴".encode() * 10_000, "NAME_TOO_LONG"),
        (b"/".join([b"x" * 250] * 11), "NAME_TOO_LONG"),
    ],
    ids=[
        "up",
        "absolute",
        "empty-folder",
        "no-name",
        "dots",
        "backslash",
        "nul",
        "tab",
        "line-break",
        "empty",
        "blank",
        "not-utf-8",
        "rtl-override",
        "long",
        "long-korean",
        "long-path",
    ],
)
async def test_a_hostile_name_is_rejected_and_the_rest_is_taken(
    client: httpx.AsyncClient, form: Any, ledger_rows: Rows, name: bytes, code: str
) -> None:
    hostile = b'Content-Disposition: form-data; name="files"; filename="' + name + b'"\r\n\r\n' + JPEG
    answer = await client.post(
        "/v1/images",
        content=form.body([hostile, form.part('name="files"; filename="good.png"', PNG)]),
        headers=form.headers,
    )
    assert answer.status_code == 202, answer.text
    assert [rejected["code"] for rejected in answer.json()["rejected"]] == [code]
    assert [image["name"] for image in ledger_rows("images")] == ["good.png"]
    assert ledger_rows("folders") == []
    assert ledger_rows("doomed_objects") == []


@pytest.mark.parametrize("name", ["휴가 사진.jpg", "صورة.jpg", "a'b\"c;.jpg", "x" * 251 + ".jpg", "한" * 255, "😀.png"])
async def test_a_name_is_data_in_any_script(client: httpx.AsyncClient, form: Any, ledger_rows: Rows, name: str) -> None:
    quoted = name.replace('"', '\\"')
    answer = await client.post(
        "/v1/images", content=form.body([form.part(f'name="files"; filename="{quoted}"', JPEG)]), headers=form.headers
    )
    assert answer.status_code == 202, answer.text
    assert [image["name"] for image in ledger_rows("images")] == [name]


async def test_names_are_the_same_whichever_way_their_accents_are_written(upload: Upload, ledger_rows: Rows) -> None:
    await upload(("e\u0301te\u0301/a.jpg", JPEG))
    await upload(("été/b.jpg", JPEG))
    assert [folder["path"] for folder in ledger_rows("folders")] == ["été"]


@pytest.mark.parametrize("cut", [30, 400, -40, -6], ids=["headers", "file", "second-file", "end"])
async def test_an_upload_that_is_cut_off_leaves_nothing(
    client: httpx.AsyncClient, form: Any, ledger_rows: Rows, stored_keys: StoredKeys, cut: int
) -> None:
    parts = [form.part('name="files"; filename="a.jpg"', JPEG), form.part('name="files"; filename="b.png"', PNG)]
    answer = await client.post("/v1/images", content=form.body(parts)[:cut], headers=form.headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED_BODY")
    assert (ledger_rows("images"), ledger_rows("image_jobs"), ledger_rows("doomed_objects")) == ([], [], [])
    assert stored_keys() == set()


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"{}", "application/json", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"x", "multipart/form-data", 400, "MALFORMED_BODY"),
        (b"x", f"multipart/form-data; boundary={BOUNDARY}", 400, "MALFORMED_BODY"),
        (b"", f"multipart/form-data; boundary={BOUNDARY}", 400, "MALFORMED_BODY"),
        (b"x", f"multipart/form-data; boundary={'b' * 300}", 400, "MALFORMED_BODY"),
        (f"--{BOUNDARY}\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode(), None, 400, "MALFORMED_BODY"),
        (f"--{BOUNDARY}--\r\n".encode(), None, 422, "INVALID_REQUEST"),
    ],
    ids=["json", "no-boundary", "no-form", "empty", "long-boundary", "nameless", "no-files"],
)
async def test_what_is_no_form_is_refused(
    client: httpx.AsyncClient, form: Any, content: bytes, kind: str | None, status: int, code: str
) -> None:
    headers = {"Content-Type": kind} if kind else form.headers
    answer = await client.post("/v1/images", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_more_files_or_bytes_than_a_request_may_have_are_refused(
    run_app: Callable[..., Any], api_settings: ApiSettings, client: httpx.AsyncClient, stored_keys: StoredKeys
) -> None:
    settings = api_settings.model_copy(update={"api_upload_files": 2, "api_upload_max_bytes": 100_000})
    async with run_app(settings) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=client.headers) as other:
            for files in ([JPEG] * 3, [JPEG, JPEG.ljust(100_000)]):
                answer = await other.post("/v1/images", files=[("files", ("a.jpg", content)) for content in files])
                assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert stored_keys() == set()

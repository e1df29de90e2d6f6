"""`POST /v1/devices/import`: what is written, what is rejected, and what changes nothing."""

import gzip
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from fanfare_api.settings import ApiSettings
from fanfare_shared.db.connection import Ledger

NDJSON, CSV = "application/x-ndjson", "text/csv"
Import = Callable[..., Any]


def _line(token: str, user_id: str = "user-1", **more: Any) -> bytes:
    return json.dumps({"user_id": user_id, "token": token, "platform": "ios"} | more).encode() + b"\n"


@pytest.fixture
def post_import(client: httpx.AsyncClient, app_id: UUID) -> Import:
    async def post(content: Any, kind: str = NDJSON, **headers: str) -> httpx.Response:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.post(
            "/v1/devices/import",
            params={"app_id": str(app_id)},
            content=content,
            headers=headers | {"Content-Type": kind},
        )

    return post


async def test_ndjson_is_inserted_and_a_second_time_updated(post_import: Import, ledger: Ledger) -> None:
    body = _line("t1", locale="de", timezone="Europe/Berlin", tags=["a"]) + b"\r\n\n" + _line("t2", "user-2")
    first = await post_import(body)
    assert first.status_code == 200
    counts = {"received": 2, "inserted": 2, "updated": 0, "duplicates": 0, "rejected": 0, "rejected_lines": []}
    assert first.json() == counts
    assert _stored(ledger) == [
        ("user-1", "t1", "ios", "de", "Europe/Berlin", ["a"]),
        ("user-2", "t2", "ios", None, None, []),
    ]
    assert (await post_import(body)).json() == counts | {"inserted": 0, "updated": 2}


async def test_csv_is_read_by_its_header(post_import: Import, ledger: Ledger) -> None:
    body = (
        b"\xef\xbb\xbfplatform,token,user_id,tags,locale\r\n"
        b'ios,t1,"Doe, ""J"" <j@example.com>",a;b,\r\n'
        b"android,t2,user-2,,pt-BR\r\n"
    )
    assert (await post_import(body, CSV)).json()["inserted"] == 2
    assert _stored(ledger) == [
        ('Doe, "J" <j@example.com>', "t1", "ios", None, None, ["a", "b"]),
        ("user-2", "t2", "android", "pt-BR", None, []),
    ]


async def test_importing_reactivates(post_import: Import, ledger: Ledger) -> None:
    await post_import(_line("t1"))
    with ledger.statement() as connection:
        connection.execute("UPDATE devices SET is_active = false, deactivated_at = now()")
    await post_import(_line("t1"))
    with ledger.statement() as connection:
        assert connection.execute("SELECT is_active, deactivated_at FROM devices").fetchone() == (True, None)


async def test_of_lines_with_one_token_the_last_counts(post_import: Import, ledger: Ledger) -> None:
    answer = (await post_import(_line("t1", "a") + _line("t2", "b") + _line("t1", "c"))).json()
    assert (answer["received"], answer["inserted"], answer["duplicates"]) == (3, 2, 1)
    assert [row[0] for row in _stored(ledger)] == ["c", "b"]


async def test_the_app_may_be_said_in_a_line_if_it_is_the_same(post_import: Import, app_id: UUID) -> None:
    answer = (await post_import(_line("t1", app_id=str(app_id)) + _line("t2", app_id=str(UUID(int=1))))).json()
    assert (answer["inserted"], answer["rejected"]) == (1, 1)
    assert answer["rejected_lines"][0]["reason"].startswith("app_id")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{nonsense}", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b'{"user_id": "\xff", "token": "t", "platform": "ios"}', "not UTF-8"),
        (b'{"user_id": "u", "token": "t"}', "platform"),
        (b'{"user_id": "u", "token": "a b", "platform": "ios"}', "token"),
        (b'{"user_id": "", "token": "t", "platform": "ios"}', "user_id"),
        (b'{"user_id": "\\u0000", "token": "t", "platform": "ios"}', "user_id"),
        (b'{"user_id": "u", "token": "t", "platform": "ios", "colour": 1}', "colour"),
        (b'{"user_id": "u", "token": "t", "platform": "ios", "tags": [1]}', "tags"),
        (b'{"user_id": "u", "token": "t", "platform": "ios", "timezone": "x"}', "timezone"),
        (b'{"user_id": "' + b"u" * 70_000 + b'", "token": "t", "platform": "ios"}', "over 65,536 bytes"),
        (b"[" * 60_000, "not JSON"),
    ],
    ids=[
        "text",
        "list",
        "bytes",
        "bytes-in-text",
        "missing",
        "space",
        "empty",
        "nul",
        "unknown",
        "tag",
        "zone",
        "long",
        "deep",
    ],
)
async def test_a_line_that_breaks_a_rule_is_rejected_with_its_number_and_the_rest_is_written(
    post_import: Import, ledger: Ledger, line: bytes, reason: str
) -> None:
    answer = await post_import(_line("t1") + line + b"\n" + _line("t2"))
    assert answer.status_code == 200
    counts = answer.json()
    assert (counts["received"], counts["inserted"], counts["rejected"]) == (3, 2, 1)
    assert counts["rejected_lines"][0]["line"] == 2
    assert reason in counts["rejected_lines"][0]["reason"]
    assert [row[1] for row in _stored(ledger)] == ["t1", "t2"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"user-1,t", "2 cells"),
        (b'"user-1,t9,ios', "not CSV"),
        (b"user-1,\xff,ios", "not UTF-8"),
        (b"user-1,,ios", "token"),
    ],
)
async def test_a_csv_line_that_breaks_a_rule_is_rejected(
    post_import: Import, ledger: Ledger, line: bytes, reason: str
) -> None:
    answer = (await post_import(b"user_id,token,platform\nu,t1,ios\n" + line + b"\nu,t2,ios\n", CSV)).json()
    assert (answer["inserted"], answer["rejected"], answer["rejected_lines"][0]["line"]) == (2, 1, 3)
    assert reason in answer["rejected_lines"][0]["reason"]


async def test_the_first_hundred_rejected_lines_are_told(post_import: Import) -> None:
    answer = (await post_import(b"x\n" * 250)).json()
    assert (answer["received"], answer["rejected"]) == (250, 250)
    assert [line["line"] for line in answer["rejected_lines"]] == list(range(1, 101))


async def test_a_reason_never_repeats_a_token(post_import: Import) -> None:
    answer = await post_import(_line("secret token") + b'{"token": "secret token\n')
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "header",
    [b"user_id,token", b"user_id,token,platform,colour", b"token,token,user_id,platform", b"\xff", b'"user_id'],
)
async def test_a_csv_header_that_names_no_devices_is_refused(
    post_import: Import, ledger: Ledger, header: bytes
) -> None:
    answer = await post_import(header + b"\nu,t1,ios,x\n", CSV)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert _stored(ledger) == []


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", "text/csv; charset=latin-1"])
async def test_another_content_type_is_refused(post_import: Import, kind: str) -> None:
    answer = await post_import(_line("t1"), kind)
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_an_empty_body_is_an_import_of_nothing(post_import: Import) -> None:
    assert (await post_import(b"")).json()["received"] == 0


async def test_gzip_is_unpacked_member_by_member(post_import: Import) -> None:
    packed = gzip.compress(_line("t1")) + gzip.compress(_line("t2"))
    assert (await post_import(packed, Content_Encoding="gzip")).json()["inserted"] == 2


@pytest.mark.parametrize(
    ("content", "encoding", "status", "code"),
    [
        (gzip.compress(_line("t1") * 100)[:-9], "gzip", 400, "MALFORMED_BODY"),
        (_line("t1"), "gzip", 400, "MALFORMED_BODY"),
        (_line("t1"), "br", 415, "UNSUPPORTED_MEDIA_TYPE"),
    ],
    ids=["cut-off", "not-gzip", "brotli"],
)
async def test_a_body_that_cannot_be_unpacked_changes_nothing(
    post_import: Import, ledger: Ledger, content: bytes, encoding: str, status: int, code: str
) -> None:
    answer = await post_import(content, Content_Encoding=encoding)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert _stored(ledger) == []


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (_line("t1") + _line("t2")[:-1][:20], NDJSON),
        (_line("t1") + b'{"user_id": "\xc3', NDJSON),
        (b"user_id,token,platform\nu,t1,ios\nu,t2", CSV),
        (b'user_id,token,platform\nu,t1,ios\nu,"t2', CSV),
    ],
    ids=["ndjson", "ndjson-in-a-character", "csv", "csv-in-quotes"],
)
async def test_a_file_that_stops_in_the_middle_of_a_device_changes_nothing(
    post_import: Import, ledger: Ledger, content: bytes, kind: str
) -> None:
    answer = await post_import(content, kind)
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED_BODY")
    assert "cut off" in answer.json()["detail"]
    assert _stored(ledger) == []


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_an_import_over_the_limit_is_refused_packed_or_not(
    run_app: Callable[..., Any],
    api_settings: ApiSettings,
    client: httpx.AsyncClient,
    app_id: UUID,
    ledger: Ledger,
    encoding: str,
) -> None:
    lines = b"".join(_line(f"t{number}") for number in range(10_000))
    content = gzip.compress(lines) if encoding == "gzip" else lines
    async with run_app(api_settings.model_copy(update={"api_import_max_bytes": 300_000})) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=client.headers) as other:
            headers = {"Content-Type": NDJSON, "Content-Encoding": encoding}
            url = f"/v1/devices/import?app_id={app_id}"
            answer = await other.post(url, content=content, headers=headers)
    assert len(gzip.compress(lines)) < 300_000 < len(lines)
    assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert _stored(ledger) == []


async def test_a_last_line_without_a_line_break_is_a_line(post_import: Import) -> None:
    assert (await post_import(_line("t1") + _line("t2").rstrip())).json()["inserted"] == 2
    assert (await post_import(b"user_id,token,platform\nu,t3,ios", CSV)).json()["inserted"] == 1
    assert (await post_import(_line("t4") + b"nonsense")).json()["rejected"] == 1


async def test_lines_across_chunks_are_whole(post_import: Import, ledger: Ledger) -> None:
    body = b"".join(_line(f"t{number}", "ü" * 50) for number in range(50))

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    assert (await post_import(chunks())).json()["inserted"] == 50
    assert {row[1] for row in _stored(ledger)} == {f"t{number}" for number in range(50)}


async def test_an_unknown_app_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v1/devices/import", params={"app_id": str(UUID(int=1))}, content=_line("t"), headers={"Content-Type": NDJSON}
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_an_import_leaves_one_audit_entry(post_import: Import, client: httpx.AsyncClient) -> None:
    await post_import(_line("t1") + b"x\n")
    entry = (await client.get("/v1/audit")).json()["items"][0]
    assert entry["action"] == "device.import"
    assert entry["detail"] == {"received": 2, "inserted": 1, "updated": 0, "duplicates": 0, "rejected": 1}


def _stored(ledger: Ledger) -> list[tuple[Any, ...]]:
    with ledger.statement() as connection:
        return connection.execute(
            "SELECT user_id, token, platform, locale, timezone, tags FROM devices ORDER BY token"
        ).fetchall()

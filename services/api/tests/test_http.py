"""What every endpoint shares: problem details, pages, request ids, idempotency, limits."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from fanfare_api.settings import ApiSettings
from fanfare_shared.db.connection import Ledger

MakeClient = Callable[..., httpx.AsyncClient]
KEY = {"name": "x", "scopes": ["read"]}


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", {}, 400, "MALFORMED_BODY"),
        (b"\xff\xfe", {}, 400, "MALFORMED_BODY"),
        (b'{"name": "\xff"}', {}, 400, "MALFORMED_BODY"),
        (b"[" * 100_000, {}, 400, "MALFORMED_BODY"),
        (b"", {}, 422, "INVALID_REQUEST"),
        (b"[]", {}, 422, "INVALID_REQUEST"),
        (b'"text"', {}, 422, "INVALID_REQUEST"),
        (b'{"name": "\\ud800", "scopes": ["read"]}', {}, 422, "INVALID_REQUEST"),
        (b"name=x", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (json.dumps(KEY).encode(), {"Content-Type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b" " * 1_048_577, {}, 413, "PAYLOAD_TOO_LARGE"),
    ],
    ids=[
        "cut",
        "not-utf-8",
        "not-utf-8-text",
        "deep",
        "empty",
        "list",
        "string",
        "surrogate",
        "form",
        "plain",
        "large",
    ],
)
async def test_a_body_that_cannot_be_used_is_a_problem(
    client: httpx.AsyncClient, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await client.post("/v1/api-keys", content=content, headers={"Content-Type": "application/json"} | headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_large_body_of_unknown_length_is_refused_too(
    client: httpx.AsyncClient, api_settings: ApiSettings
) -> None:
    async def chunks() -> Any:
        for _ in range(api_settings.api_max_body_bytes // 65_536 + 1):
            yield b" " * 65_536

    headers = {"Content-Type": "application/json"}
    answer = await client.post("/v1/api-keys", content=chunks(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_an_unknown_address_and_a_wrong_method_are_problems(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    answer = await client.delete("/v1/apps")
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in answer.headers["Allow"]


async def test_a_problem_says_what_when_and_where(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/apps/not-a-uuid", headers={"X-Request-ID": "abc-1"})
    problem = answer.json()
    assert problem["type"] == "urn:fanfare:problem:invalid-request"
    assert (problem["status"], problem["instance"], problem["request_id"]) == (422, "/v1/apps/not-a-uuid", "abc-1")
    assert problem["errors"][0]["field"] == "app_id"
    assert problem["retryable"] is False


async def test_a_request_id_that_could_break_a_log_is_replaced(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/apps", headers={"X-Request-ID": "a b\tc"})
    assert answer.headers["X-Request-ID"] != "a b\tc"


async def test_text_that_the_ledger_cannot_hold_is_a_problem_not_a_crash(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/audit", params={"actor": "a\0b"})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")


async def test_pages_hold_everything_once_newest_first_while_rows_are_added(client: httpx.AsyncClient) -> None:
    made = [(await client.post("/v1/api-keys", json=KEY | {"name": str(n)})).json()["id"] for n in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/api-keys", params=params)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        await client.post("/v1/api-keys", json=KEY | {"name": "later"})
    assert seen[:5] == made[::-1]
    assert len(seen) == len(set(seen)) == 6  # and the caller's own key


@pytest.mark.parametrize("cursor", ["x", "MQ", "////", "é"])
async def test_a_cursor_of_ones_own_making_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get("/v1/apps", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")


async def test_the_same_idempotency_key_and_request_get_the_same_answer(
    client: httpx.AsyncClient, ledger: Ledger
) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = await client.post("/v1/api-keys", json=KEY, headers=headers)
    again = await client.post("/v1/api-keys", json=KEY, headers=headers)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert _names(ledger) == ["x"]


async def test_a_kept_answer_shows_no_secret_in_the_ledger(client: httpx.AsyncClient, ledger: Ledger) -> None:
    made = await client.post("/v1/api-keys", json=KEY, headers={"Idempotency-Key": "k1"})
    with ledger.statement() as connection:
        row = connection.execute("SELECT body FROM idempotency_keys").fetchone()
    assert row is not None
    assert made.json()["key"] not in row[0]


async def test_the_same_idempotency_key_with_another_request_is_422(client: httpx.AsyncClient, ledger: Ledger) -> None:
    headers = {"Idempotency-Key": "k1"}
    await client.post("/v1/api-keys", json=KEY, headers=headers)
    answer = await client.post("/v1/api-keys", json=KEY | {"name": "y"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert _names(ledger) == ["x"]


async def test_ten_at_once_with_one_idempotency_key_do_it_once(client: httpx.AsyncClient, ledger: Ledger) -> None:
    posts = (client.post("/v1/api-keys", json=KEY, headers={"Idempotency-Key": "k1"}) for _ in range(10))
    answers = await asyncio.gather(*posts)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["key"] for answer in answers}) == 1
    assert _names(ledger) == ["x"]


async def test_while_the_first_request_of_an_idempotency_key_runs_on_the_second_is_told_so(
    client: httpx.AsyncClient, ledger: Ledger
) -> None:
    await client.post("/v1/api-keys", json=KEY, headers={"Idempotency-Key": "k1"})
    with ledger.transaction() as connection:
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        # As a first request that has not ended holds it: the row is neither there nor free.
        connection.execute("UPDATE idempotency_keys SET key = 'k2'")
        answer = await client.post("/v1/api-keys", json=KEY, headers={"Idempotency-Key": "k2"})
    assert (answer.status_code, answer.json()["code"]) == (409, "IDEMPOTENCY_IN_PROGRESS")
    assert answer.headers["Retry-After"] == "1"


async def test_a_refused_request_leaves_its_idempotency_key_free(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    assert (await client.post("/v1/api-keys", json={"name": "x"}, headers=headers)).status_code == 422
    assert (await client.post("/v1/api-keys", json=KEY, headers=headers)).status_code == 201


async def test_idempotency_keys_of_two_callers_are_apart(client: httpx.AsyncClient, make_client: MakeClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = await client.post("/v1/api-keys", json=KEY, headers=headers)
    other = await make_client("admin").post("/v1/api-keys", json=KEY, headers=headers)
    assert other.json()["id"] != first.json()["id"]


async def test_the_openapi_document_describes_every_address(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert all(operation.get("summary") for operation in operations)
    assert all("application/problem+json" in operation["responses"]["default"]["content"] for operation in operations)
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert "/v1/apps/{app_id}/check" in document["paths"]


def _names(ledger: Ledger) -> list[str]:
    with ledger.statement() as connection:
        rows = connection.execute("SELECT name FROM api_keys WHERE created_by <> 'test' ORDER BY id").fetchall()
    return [row[0] for row in rows]

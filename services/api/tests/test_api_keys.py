"""API keys: who may do what, and when a key stops working."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from fanfare_shared.crypto import api_key_digest
from fanfare_shared.db.connection import Ledger

MakeClient = Callable[..., httpx.AsyncClient]


async def test_a_key_is_shown_once_and_stored_as_its_digest(
    client: httpx.AsyncClient, make_client: MakeClient, app_id: UUID, ledger: Ledger
) -> None:
    body = {"name": "news", "scopes": ["read"], "app_ids": [str(app_id)]}
    made = (await client.post("/v1/api-keys", json=body)).json()
    assert (await make_client(key=made["key"]).get(f"/v1/apps/{app_id}")).status_code == 200
    listed = (await client.get("/v1/api-keys")).json()["items"]
    assert listed[0]["id"] == made["id"]
    assert "key" not in listed[0]
    with ledger.statement() as connection:
        digests = [bytes(row[0]) for row in connection.execute("SELECT key_digest FROM api_keys").fetchall()]
    assert api_key_digest(made["key"]) in digests


async def test_a_revoked_key_stops_working_at_once(client: httpx.AsyncClient, make_client: MakeClient) -> None:
    made = (await client.post("/v1/api-keys", json={"name": "x", "scopes": ["read"]})).json()
    holder = make_client(key=made["key"])
    assert (await holder.get("/v1/apps")).status_code == 200
    assert (await client.delete(f"/v1/api-keys/{made['id']}")).status_code == 204
    assert (await holder.get("/v1/apps")).status_code == 401
    assert (await client.delete(f"/v1/api-keys/{made['id']}")).status_code == 204
    assert (await client.delete(f"/v1/api-keys/{UUID(int=5)}")).status_code == 404


async def test_the_bootstrap_key_works_only_while_no_admin_key_exists(
    bootstrap_client: httpx.AsyncClient, make_client: MakeClient
) -> None:
    await bootstrap_client.post("/v1/api-keys", json={"name": "reader", "scopes": ["read"]})
    made = await bootstrap_client.post("/v1/api-keys", json={"name": "admin", "scopes": ["admin"]})
    assert made.status_code == 201
    assert (await bootstrap_client.get("/v1/api-keys")).status_code == 401
    admin = make_client(key=made.json()["key"])
    await admin.delete(f"/v1/api-keys/{made.json()['id']}")
    assert (await bootstrap_client.get("/v1/api-keys")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer ff_nobody"}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}],
    ids=["none", "unknown", "basic", "empty"],
)
async def test_without_a_valid_key_it_is_401_and_says_how(make_client: MakeClient, headers: dict[str, str]) -> None:
    answer = await make_client(key="", **headers).get("/v1/apps")
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("scope", ["read", "devices", "campaigns", "images"])
async def test_without_the_scope_it_is_403_and_says_which(make_client: MakeClient, scope: str) -> None:
    answer = await make_client(scope).get("/v1/api-keys")
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
    assert "`admin`" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["everything"]},
        {"name": "x", "scopes": ["admin"], "app_ids": [str(UUID(int=1))]},
        {"name": "x", "scopes": ["read"], "app_ids": []},
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    assert (await client.post("/v1/api-keys", json=body)).status_code == 422


async def test_a_key_for_an_unknown_app_is_refused(client: httpx.AsyncClient) -> None:
    body = {"name": "x", "scopes": ["read"], "app_ids": [str(UUID(int=1))]}
    assert (await client.post("/v1/api-keys", json=body)).status_code == 404


async def test_every_change_leaves_an_audit_entry(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v1/api-keys", json={"name": "x", "scopes": ["read"]}, headers={"X-Request-ID": "request-7"}
    )
    await client.delete(f"/v1/api-keys/{answer.json()['id']}")
    entries = (await client.get("/v1/audit", params={"subject": answer.json()["id"]})).json()["items"]
    assert [(entry["action"], entry["subject"]) for entry in entries] == [
        ("api_key.revoke", answer.json()["id"]),
        ("api_key.create", answer.json()["id"]),
    ]
    assert entries[1]["request_id"] == answer.headers["X-Request-ID"] == "request-7"
    assert answer.json()["key"] not in str(entries)
    assert (await client.get("/v1/audit", params={"action": "nothing"})).json()["items"] == []

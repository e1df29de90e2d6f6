"""`/v1/devices`, one at a time."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from fanfare_shared.db.connection import Ledger

MakeClient = Callable[..., httpx.AsyncClient]


def _device(app_id: UUID, **changes: Any) -> dict[str, Any]:
    return {"app_id": str(app_id), "user_id": "user-1", "token": "token-1", "platform": "ios"} | changes


async def test_a_device_is_registered_and_its_token_never_shown(client: httpx.AsyncClient, app_id: UUID) -> None:
    body = _device(app_id, token="tok:EN-1", locale="de-DE", timezone="Europe/Berlin", tags=["b", "a", "b"])
    answer = await client.put("/v1/devices", json=body)
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["is_active"], shown["tags"], shown["platform"]) == (True, ["b", "a"], "ios")
    assert len(shown["token_fingerprint"]) == 16
    listed = await client.get("/v1/devices", params={"app_id": str(app_id)})
    assert (await client.get(f"/v1/devices/{shown['id']}")).json() == shown == listed.json()["items"][0]
    assert "tok:EN-1" not in answer.text + listed.text + (await client.get("/v1/audit")).text


async def test_registering_again_updates_and_reactivates(
    client: httpx.AsyncClient, app_id: UUID, ledger: Ledger
) -> None:
    first = (await client.put("/v1/devices", json=_device(app_id, locale="de"))).json()
    with ledger.statement() as connection:
        connection.execute("UPDATE devices SET is_active = false, deactivated_at = now()")
    again = (await client.put("/v1/devices", json=_device(app_id, user_id="user-2"))).json()
    assert (again["id"], again["created_at"]) == (first["id"], first["created_at"])
    assert (again["user_id"], again["locale"], again["is_active"], again["deactivated_at"]) == (
        "user-2",
        None,
        True,
        None,
    )
    assert again["registered_at"] > first["registered_at"]
    assert again["updated_at"] > first["updated_at"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user_id", ""),
        ("user_id", "x" * 257),
        ("user_id", 7),
        ("user_id", "a\nb"),
        ("user_id", "a\0b"),
        ("token", ""),
        ("token", "a b"),
        ("token", "a\0b"),
        ("token", "é"),
        ("token", "x" * 4097),
        ("token", None),
        ("platform", "windows"),
        ("platform", ["ios"]),
        ("locale", "d"),
        ("locale", "de_DE; DROP"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../etc/passwd"),
        ("tags", "beta"),
        ("tags", [""]),
        ("tags", [1]),
        ("tags", [{}]),
        ("tags", ["t"] * 51),
        ("app_id", "no"),
        ("colour", "red"),
    ],
)
async def test_a_field_that_breaks_a_rule_is_named(
    client: httpx.AsyncClient, app_id: UUID, ledger: Ledger, field: str, value: Any
) -> None:
    answer = await client.put("/v1/devices", json=_device(app_id) | {field: value})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert _stored(ledger) == []


async def test_the_longest_values_fit(client: httpx.AsyncClient, app_id: UUID) -> None:
    body = _device(app_id, user_id="ü" * 256, token="x" * 4096, tags=[f"{n:064}" for n in range(50)])
    assert (await client.put("/v1/devices", json=body)).status_code == 200


async def test_devices_are_filtered_by_app_user_and_state(
    client: httpx.AsyncClient, app_id: UUID, ledger: Ledger
) -> None:
    for number in range(4):
        await client.put("/v1/devices", json=_device(app_id, user_id=f"user-{number % 2}", token=f"token-{number}"))
    with ledger.statement() as connection:
        connection.execute("UPDATE devices SET is_active = false WHERE token = 'token-2'")

    async def users_and_states(**params: Any) -> list[tuple[str, bool]]:
        items = (await client.get("/v1/devices", params=params)).json()["items"]
        return [(item["user_id"], item["is_active"]) for item in items]

    assert await users_and_states(user_id="user-0") == [("user-0", False), ("user-0", True)]
    assert await users_and_states(user_id="user-0", is_active="true") == [("user-0", True)]
    assert await users_and_states(user_id="nobody") == []


async def test_a_device_is_deleted_by_id(client: httpx.AsyncClient, app_id: UUID, ledger: Ledger) -> None:
    device_id = (await client.put("/v1/devices", json=_device(app_id))).json()["id"]
    assert (await client.delete(f"/v1/devices/{device_id}")).status_code == 204
    assert (await client.delete(f"/v1/devices/{device_id}")).status_code == 404
    assert _stored(ledger) == []


@pytest.mark.parametrize("with_app", [True, False])
async def test_a_users_devices_are_deleted_and_no_others(
    client: httpx.AsyncClient, app_id: UUID, ledger: Ledger, with_app: bool
) -> None:
    for number in range(3):
        await client.put("/v1/devices", json=_device(app_id, user_id=f"user-{number // 2}", token=f"token-{number}"))
    params = {"user_id": "user-0"} | ({"app_id": str(app_id)} if with_app else {})
    assert (await client.delete("/v1/devices", params=params)).json() == {"deleted": 2}
    assert _stored(ledger) == ["user-1"]


async def test_devices_are_never_deleted_without_saying_whose(
    client: httpx.AsyncClient, app_id: UUID, ledger: Ledger
) -> None:
    await client.put("/v1/devices", json=_device(app_id))
    assert (await client.delete("/v1/devices", params={"app_id": str(app_id)})).status_code == 422
    assert (await client.delete("/v1/devices", params={"user_id": ""})).status_code == 422
    assert _stored(ledger) == ["user-1"]


async def test_a_key_of_another_app_finds_nothing_here(
    client: httpx.AsyncClient, make_client: MakeClient, app_id: UUID, ledger: Ledger
) -> None:
    device_id = (await client.put("/v1/devices", json=_device(app_id))).json()["id"]
    other = make_client("devices", "read", app_ids=[UUID(int=1)])
    refused = [
        await other.put("/v1/devices", json=_device(app_id)),
        await other.get("/v1/devices", params={"app_id": str(app_id)}),
        await other.get(f"/v1/devices/{device_id}"),
        await other.delete(f"/v1/devices/{device_id}"),
        await other.delete("/v1/devices", params={"app_id": str(app_id), "user_id": "user-1"}),
        await other.post("/v1/devices/import", params={"app_id": str(app_id)}, headers={"Content-Type": "text/csv"}),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(404, "NOT_FOUND")}
    assert (await other.get("/v1/devices")).json()["items"] == []
    assert (await other.delete("/v1/devices", params={"user_id": "user-1"})).json() == {"deleted": 0}
    assert _stored(ledger) == ["user-1"]


async def test_the_scopes_read_and_devices_are_apart(make_client: MakeClient, app_id: UUID) -> None:
    reader, writer = make_client("read"), make_client("devices")
    assert (await reader.put("/v1/devices", json=_device(app_id))).status_code == 403
    assert (await writer.put("/v1/devices", json=_device(app_id))).status_code == 200
    assert (await writer.get("/v1/devices")).status_code == 403
    assert (await reader.get("/v1/devices")).status_code == 200


@pytest.mark.parametrize("device_id", ["0", "-1", "9223372036854775808", "x"])
async def test_an_id_that_cannot_be_is_refused(client: httpx.AsyncClient, device_id: str) -> None:
    assert (await client.get(f"/v1/devices/{device_id}")).status_code == 422


def _stored(ledger: Ledger) -> list[str]:
    with ledger.statement() as connection:
        return [row[0] for row in connection.execute("SELECT user_id FROM devices ORDER BY id").fetchall()]

"""`/v1/apps`: what goes in, what never comes out, and what is refused."""

import asyncio
import json
import socket
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from kombu import Connection
from pydantic import SecretStr

from fanfare_api.settings import ApiSettings
from fanfare_shared.crypto import Cipher
from fanfare_shared.db.connection import Ledger
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.worker.app import CONFIRM_TIMEOUT_SECONDS

MakeClient = Callable[..., httpx.AsyncClient]
MakeAccount = Callable[..., dict[str, Any]]


def _body(account: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"name": "News", "firebase_project_id": "news-1", "credentials": account} | changes


async def test_an_app_is_made_and_its_webhook_secret_shown_once(
    client: httpx.AsyncClient, service_account: MakeAccount
) -> None:
    answer = await client.post("/v1/apps", json=_body(service_account()))
    assert answer.status_code == 201
    made = answer.json()
    assert made["webhook_secret"].startswith("whsec_")
    assert made["quota_per_minute"] == 600_000
    shown = (await client.get(answer.headers["Location"])).json()
    assert shown == {name: value for name, value in made.items() if name != "webhook_secret"}
    assert "private_key" not in json.dumps(made)


async def test_credentials_are_encrypted_at_rest_and_keep_only_what_sending_needs(
    client: httpx.AsyncClient, service_account: MakeAccount, ledger: Ledger, api_settings: ApiSettings
) -> None:
    await client.post("/v1/apps", json=_body(service_account(universe_domain="example.com")))
    with ledger.statement() as connection:
        row = connection.execute("SELECT credentials_encrypted FROM apps").fetchone()
    assert row is not None
    assert "PRIVATE KEY" not in row[0]
    plain = json.loads(Cipher(api_settings.encryption_keys.get_secret_value()).decrypt(row[0]))
    assert plain == service_account()


@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        ({"type": "authorized_user"}, "INVALID_CREDENTIALS", "service_account"),
        ({"project_id": "other"}, "INVALID_CREDENTIALS", "belongs to the project 'other'"),
        ({"private_key": "not a key"}, "INVALID_CREDENTIALS", "PEM"),
        ({"private_key": ""}, "INVALID_CREDENTIALS", "private_key"),
        ({"client_email": 7}, "INVALID_CREDENTIALS", "client_email"),
        ({"token_uri": "https://evil.example/token"}, "UNTRUSTED_TOKEN_URI", "oauth2.googleapis.com"),
        ({"token_uri": "http://oauth2.googleapis.com/token"}, "UNTRUSTED_TOKEN_URI", "https"),
        ({"token_uri": "https://oauth2.googleapis.com@evil.example/"}, "UNTRUSTED_TOKEN_URI", "https"),
        ({"token_uri": "https://[oauth2"}, "UNTRUSTED_TOKEN_URI", "not an address"),
    ],
)
async def test_unusable_credentials_are_refused_with_what_to_change(
    client: httpx.AsyncClient,
    service_account: MakeAccount,
    ledger: Ledger,
    changes: dict[str, Any],
    code: str,
    word: str,
) -> None:
    answer = await client.post("/v1/apps", json=_body(service_account(**changes)))
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert word in answer.json()["detail"]
    assert _count(ledger, "apps") == _count(ledger, "audit_log") == 0


async def test_the_endpoint_that_is_set_may_issue_the_tokens(
    run_app: Callable[..., Any], api_settings: ApiSettings, client: httpx.AsyncClient, service_account: MakeAccount
) -> None:
    settings = api_settings.model_copy(update={"fcm_endpoint": "https://fcm.internal:9443"})
    async with run_app(settings) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=client.headers) as other:
            account = service_account(token_uri="https://fcm.internal:9444/token")
            assert (await other.post("/v1/apps", json=_body(account))).status_code == 201


async def test_a_mounted_secret_is_named_instead(
    client: httpx.AsyncClient, service_account: MakeAccount, api_settings: ApiSettings
) -> None:
    assert api_settings.credentials_dir is not None
    (api_settings.credentials_dir / "news.json").write_text(json.dumps(service_account()))
    body = {"name": "News", "firebase_project_id": "news-1", "credentials_secret": "news.json"}
    answer = await client.post("/v1/apps", json=body)
    assert answer.status_code == 201
    assert answer.json()["credentials_secret"] == "news.json"


@pytest.mark.parametrize("name", ["../secret.json", "/etc/passwd", "..", ".hidden", "missing.json", "a\\b", "a\0b"])
async def test_a_mounted_secret_is_a_plain_name_of_a_file_that_is_there(client: httpx.AsyncClient, name: str) -> None:
    body = {"name": "News", "firebase_project_id": "news-1", "credentials_secret": name}
    answer = await client.post("/v1/apps", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_CREDENTIALS")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"firebase_project_id": "../x"}, "firebase_project_id"),
        ({"quota_per_minute": 0}, "quota_per_minute"),
        ({"credentials": None}, ""),
        ({"credentials_secret": "both.json"}, ""),
        ({"quota": 5}, "quota"),
    ],
)
async def test_a_wrong_field_is_named_and_its_content_is_not_repeated(
    client: httpx.AsyncClient, service_account: MakeAccount, changes: dict[str, Any], field: str
) -> None:
    answer = await client.post("/v1/apps", json=_body(service_account(), **changes))
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert answer.json()["errors"][0]["field"] == field
    assert "PRIVATE KEY" not in answer.text


async def test_names_and_projects_are_unique(client: httpx.AsyncClient, service_account: MakeAccount) -> None:
    await client.post("/v1/apps", json=_body(service_account()))
    for body in (
        _body(service_account("news-2"), firebase_project_id="news-2"),
        _body(service_account(), name="Other"),
    ):
        answer = await client.post("/v1/apps", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "ALREADY_EXISTS")


async def test_patch_changes_only_what_is_given(client: httpx.AsyncClient, service_account: MakeAccount) -> None:
    made = (await client.post("/v1/apps", json=_body(service_account()))).json()
    changed = (await client.patch(f"/v1/apps/{made['id']}", json={"quota_per_minute": 120_000})).json()
    assert (changed["name"], changed["quota_per_minute"]) == ("News", 120_000)
    wrong = service_account(token_uri="https://evil.example/")
    refused = await client.patch(f"/v1/apps/{made['id']}", json={"name": "New", "credentials": wrong})
    assert refused.json()["code"] == "UNTRUSTED_TOKEN_URI"
    assert (await client.get(f"/v1/apps/{made['id']}")).json()["name"] == "News"


async def test_new_credentials_end_a_pause(
    client: httpx.AsyncClient, service_account: MakeAccount, ledger: Ledger
) -> None:
    made = (await client.post("/v1/apps", json=_body(service_account()))).json()
    with ledger.statement() as connection:
        connection.execute("UPDATE apps SET paused_until = now() + interval '1 hour', pause_reason = 'x'")
    changed = (await client.patch(f"/v1/apps/{made['id']}", json={"credentials": service_account()})).json()
    assert (changed["paused_until"], changed["pause_reason"]) == (None, None)


async def test_check_is_a_task_that_is_due_at_once(client: httpx.AsyncClient, app_id: UUID, ledger: Ledger) -> None:
    answer = await client.post(f"/v1/apps/{app_id}/check")
    assert answer.status_code == 202
    task_id = answer.json()["task_id"]
    assert answer.headers["Location"] == f"/v1/tasks/{task_id}"
    with ledger.statement() as connection:
        rows = connection.execute("SELECT id::text, kind, app_id, status, due_at <= now() FROM probes").fetchall()
    assert rows == [(task_id, "app_check", app_id, "PENDING", True)]


async def test_a_checks_hint_is_published_after_its_commit(
    client: httpx.AsyncClient, app_id: UUID, api_settings: ApiSettings, clean_broker: BrokerSettings
) -> None:
    task_id = (await client.post(f"/v1/apps/{app_id}/check", headers={"X-Request-ID": "request-7"})).json()["task_id"]
    hint = await asyncio.to_thread(_next_message, api_settings, "push.high")
    assert hint.headers["task"] == "push.probe"
    assert hint.decode()[1]["message"] == {"version": 1, "request_id": "request-7", "probe_id": task_id}


async def test_without_a_broker_the_answer_is_as_quick_and_the_work_is_in_the_ledger(
    run_app: Callable[..., Any], api_settings: ApiSettings, client: httpx.AsyncClient, app_id: UUID, ledger: Ledger
) -> None:
    # A listener that never answers: a publisher would wait for its time-out.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = SecretStr(f"amqp://127.0.0.1:{silent.getsockname()[1]}//")
        async with run_app(api_settings.model_copy(update={"broker_url": url})) as app:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=client.headers) as other:
                seconds = []
                for _ in range(5):  # a machine that stops for a moment is not the api's waiting
                    started = time.monotonic()
                    assert (await other.post(f"/v1/apps/{app_id}/check")).status_code == 202
                    seconds.append(time.monotonic() - started)
    assert min(seconds) < CONFIRM_TIMEOUT_SECONDS / 2
    assert _count(ledger, "probes") == 5


async def test_an_app_that_is_not_there_is_not_found(client: httpx.AsyncClient) -> None:
    unknown = "018f0000-0000-7000-8000-000000000000"
    for answer in (
        await client.get(f"/v1/apps/{unknown}"),
        await client.patch(f"/v1/apps/{unknown}", json={"name": "x"}),
        await client.post(f"/v1/apps/{unknown}/check"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_a_key_sees_its_own_apps_only(make_client: MakeClient, client: httpx.AsyncClient, app_id: UUID) -> None:
    other = make_client("read", app_ids=[UUID(int=1)])
    assert (await other.get("/v1/apps")).json()["items"] == []
    assert (await other.get(f"/v1/apps/{app_id}")).status_code == 404
    own = make_client("read", app_ids=[app_id])
    assert [item["id"] for item in (await own.get("/v1/apps")).json()["items"]] == [str(app_id)]


def _next_message(settings: ApiSettings, queue: str) -> Any:
    deadline = time.monotonic() + 60
    with Connection(settings.broker_url.get_secret_value()) as connection:
        while time.monotonic() < deadline:
            message = connection.default_channel.basic_get(queue, no_ack=True)
            if message is not None:
                return connection.default_channel.message_to_python(message)
            time.sleep(0.02)
    pytest.fail(f"no message on {queue}")


def _count(ledger: Ledger, table: str) -> int:
    with ledger.statement() as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])

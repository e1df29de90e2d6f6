"""`/healthz`, `/readyz`, `/metrics`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from fanfare_api.settings import ApiSettings

MakeClient = Callable[..., httpx.AsyncClient]
# The discard port: nothing listens there.
NOWHERE = "127.0.0.1:9"


async def test_it_is_alive_and_ready_without_a_key(make_client: MakeClient) -> None:
    anonymous = make_client(key="")
    assert (await anonymous.get("/healthz")).json() == {"status": "alive"}
    for _ in range(10):  # it gives each server two seconds, of which a busy machine may take more
        answer = await anonymous.get("/readyz")
        if answer.json()["status"] == "ready":
            break
    assert answer.status_code == 200
    none_wrong = {"postgresql": None, "rabbitmq": None, "redis": None, "storage": None}
    assert answer.json() == {"status": "ready", "dependencies": none_wrong}


async def test_without_postgresql_it_is_alive_but_not_ready(
    run_app: Callable[..., Any], api_settings: ApiSettings
) -> None:
    settings = api_settings.model_copy(update={"database_url": SecretStr(f"postgresql://x@{NOWHERE}/x")})
    async with run_app(settings) as app, _client(app) as client:
        assert (await client.get("/healthz")).status_code == 200
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "not_ready")
        assert answer.json()["dependencies"]["postgresql"] == "PostgreSQL: ConnectionRefusedError"
        refused = await client.get("/v1/apps", headers={"Authorization": "Bearer x"})
        assert (refused.status_code, refused.json()["code"]) == (503, "LEDGER_UNAVAILABLE")
        assert refused.headers["Retry-After"] == "1"


async def test_without_broker_and_redis_it_takes_requests_and_says_what_is_missing(
    run_app: Callable[..., Any], api_settings: ApiSettings
) -> None:
    settings = api_settings.model_copy(
        update={"broker_url": SecretStr(f"amqp://{NOWHERE}//"), "redis_url": SecretStr(f"redis://{NOWHERE}/0")}
    )
    async with run_app(settings) as app, _client(app) as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        errors = answer.json()["dependencies"]
        assert errors["postgresql"] is None
        assert errors["rabbitmq"] == "RabbitMQ: ConnectionRefusedError"
        assert errors["redis"] is not None


async def test_without_storage_it_refuses_images_alone(
    run_app: Callable[..., Any], api_settings: ApiSettings, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    (tmp_path / "a-file").touch()
    settings = api_settings.model_copy(update={"storage_url": f"file://{tmp_path}/a-file/storage"})
    async with run_app(settings) as app, _client(app) as other:
        answer = await other.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert "storage" in answer.json()["dependencies"]["storage"]
        form = [("files", ("a.jpg", b"\xff\xd8\xff\xe0"))]
        refused = await other.post("/v1/images", files=form, headers=client.headers)
        assert (refused.status_code, refused.json()["code"]) == (503, "STORAGE_UNAVAILABLE")
        assert (await other.get("/v1/apps", headers=client.headers)).status_code == 200


async def test_requests_are_measured_by_route_not_by_address(make_client: MakeClient) -> None:
    client = make_client("admin")
    await client.get("/v1/apps/018f0000-0000-7000-8000-000000000000")
    await client.get("/no/such/address")
    exposed = (await client.get("/metrics")).text
    name = "fanfare_http_request_duration_seconds_count"
    assert f'{name}{{method="GET",route="/v1/apps/{{app_id}}",status="404"}}' in exposed
    assert f'{name}{{method="GET",route="none",status="404"}}' in exposed
    assert "018f0000" not in exposed


def _client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api")

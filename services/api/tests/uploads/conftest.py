"""The same api on either kind of storage."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from fanfare_api.settings import ApiSettings
from fanfare_shared.testing.object_stores import own_bucket


@pytest.fixture(params=["folder", "s3"])
async def on_storage(
    request: pytest.FixtureRequest,
    app: FastAPI,
    client: httpx.AsyncClient,
    api_settings: ApiSettings,
    run_app: Callable[..., Any],
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """An app whose storage is a local folder, then S3, and a client of it with a key of all scopes."""
    if request.param == "folder":
        request.getfixturevalue("stored_keys")  # empties it
        yield app, client
        return
    bucket = own_bucket(request.getfixturevalue("s3_server"))
    settings = api_settings.model_copy(update=bucket.model_dump(include={*bucket.model_fields_set}))
    async with run_app(settings) as other:
        transport = httpx.ASGITransport(app=other, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=client.headers) as its_client:
            yield other, its_client

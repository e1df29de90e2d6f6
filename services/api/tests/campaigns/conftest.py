"""Campaigns over the api, and the ledger behind them."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.db.connection import Ledger, the_row
from fanfare_shared.testing.world import World, make_world


@pytest.fixture
def content(app_id: UUID) -> Callable[..., dict[str, Any]]:
    """A valid body of `POST /v1/campaigns`, changed where the test says so."""

    def make(**changes: Any) -> dict[str, Any]:
        return {"app_id": str(app_id), "title": "News", "message": "It happened", "target": {"all": True}} | changes

    return make


@pytest.fixture
def make_campaign(client: httpx.AsyncClient, content: Callable[..., dict[str, Any]]) -> Callable[..., Awaitable[str]]:
    """Makes a draft and gives its id."""

    async def make(**changes: Any) -> str:
        answer = await client.post("/v1/campaigns", json=content(**changes))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    return make


@pytest.fixture
def set_status(ledger: Ledger) -> Callable[[str, JobStatus], None]:
    def set_status(campaign_id: str, status: JobStatus) -> None:
        with ledger.transaction() as connection:
            connection.execute("UPDATE campaigns SET status = %s WHERE id = %s", (status.value, campaign_id))

    return set_status


@pytest.fixture
def add_device(ledger: Ledger, app_id: UUID) -> Callable[..., int]:
    def add(user_id: str, token: str, *, is_active: bool = True) -> int:
        with ledger.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO devices (app_id, user_id, token, token_digest, platform, is_active) "
                "VALUES (%s, %s, %s, convert_to(%s, 'UTF8'), 'android', %s) RETURNING id",
                (app_id, user_id, token, token, is_active),
            )
            return int(the_row(cursor)[0])

    return add


@pytest.fixture
def world(clean_ledger: Ledger) -> World:
    """A processing campaign of ten devices in one published batch."""
    with clean_ledger.transaction() as connection:
        return make_world(connection)

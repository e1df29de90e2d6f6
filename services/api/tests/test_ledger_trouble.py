"""What a caller sees when the ledger fails: a problem to act on, and never half of what was asked."""

from collections.abc import AsyncIterator, Callable, Iterator
from uuid import UUID

import httpx
import pytest

from fanfare_shared.db.connection import Ledger

MakeClient = Callable[..., httpx.AsyncClient]
_TERMINATE = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'fanfare-api'"
)


@pytest.fixture
def broken_audit_log(clean_ledger: Ledger) -> Iterator[None]:
    """The last statement of every change fails, as a bug of ours would."""
    with clean_ledger.statement() as connection:
        connection.execute("ALTER TABLE audit_log RENAME COLUMN actor TO who")
    yield
    with clean_ledger.statement() as connection:
        connection.execute("ALTER TABLE audit_log RENAME COLUMN who TO actor")


async def test_an_unexpected_error_is_a_problem_that_tells_nothing_and_changes_nothing(
    client: httpx.AsyncClient, broken_audit_log: None, app_id: UUID, ledger: Ledger
) -> None:
    body = {"app_id": str(app_id), "user_id": "user-1", "token": "secret-token", "platform": "ios"}
    answer = await client.put("/v1/devices", json=body, headers={"X-Request-ID": "request-7"})
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
    assert answer.json()["request_id"] == "request-7"
    assert "audit_log" not in answer.text
    with ledger.statement() as connection:
        assert connection.execute("SELECT count(*) FROM devices").fetchone() == (0,)


async def test_a_restarted_server_is_not_noticed_between_requests(client: httpx.AsyncClient, ledger: Ledger) -> None:
    assert (await client.get("/v1/apps")).status_code == 200
    with ledger.statement() as connection:
        connection.execute(_TERMINATE)
    assert (await client.get("/v1/apps")).status_code == 200


async def test_a_connection_lost_during_an_import_is_503_and_changes_nothing(
    client: httpx.AsyncClient, app_id: UUID, ledger: Ledger
) -> None:
    async def lines() -> AsyncIterator[bytes]:
        for number in range(20_000):
            if number == 10_000:
                with ledger.statement() as connection:
                    connection.execute(_TERMINATE)
            yield f'{{"user_id": "u", "token": "token-{number}", "platform": "ios"}}\n'.encode()

    answer = await client.post(
        "/v1/devices/import",
        params={"app_id": str(app_id)},
        content=lines(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert (answer.status_code, answer.json()["code"]) == (503, "LEDGER_UNAVAILABLE")
    assert answer.json()["retryable"] is True
    with ledger.statement() as connection:
        assert connection.execute("SELECT count(*) FROM devices").fetchone() == (0,)
    assert (await client.get("/v1/apps")).status_code == 200


async def test_a_row_locked_for_long_is_503_to_come_back_later(
    client: httpx.AsyncClient, app_id: UUID, ledger: Ledger
) -> None:
    with ledger.transaction() as connection:
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        connection.execute("SELECT FROM apps FOR UPDATE")
        answer = await client.patch(f"/v1/apps/{app_id}", json={"quota_per_minute": 5})
    assert (answer.status_code, answer.json()["code"]) == (503, "LEDGER_UNAVAILABLE")
    assert answer.headers["Retry-After"] == "1"

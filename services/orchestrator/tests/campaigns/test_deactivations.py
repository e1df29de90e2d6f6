"""Dead tokens: which devices are deactivated, and which are not."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from fanfare_orchestrator.campaigns.deactivations import DeadTokens
from fanfare_orchestrator.campaigns.planning.plans import make_plan
from fanfare_shared.db.connection import Ledger
from fanfare_shared.errors import LedgerUnavailableError


def ended(office: Any, devices: int = 5, **campaign: Any) -> tuple[UUID, list[int]]:
    """A campaign that found every one of its devices' tokens dead, and was accepted elsewhere."""
    app_id = office.app()
    device_ids = office.devices(app_id, devices)
    campaign_id: UUID = office.campaign(app_id, accepted=1)
    with office.context.ledger.transaction() as connection:
        make_plan(connection, campaign_id)
    office.execute("UPDATE devices SET registered_at = now() - interval '1 hour'")
    office.execute(
        "INSERT INTO deliveries (campaign_id, device_id, sent_at, attempts, platform, status, user_id, token_digest)"
        " SELECT %s, id, now() - interval '1 minute', 1, platform, 'invalid_token', user_id, token_digest FROM devices",
        campaign_id,
    )
    office.execute("UPDATE campaigns SET deactivate_due_at = now() - interval '1 second'")
    for column, value in campaign.items():
        office.execute(f"UPDATE campaigns SET {column} = %s", value)
    return campaign_id, device_ids


def sweep_all(office: Any, chunk: int = 2) -> None:
    sweeper = DeadTokens(chunk)
    while sweeper.sweep_dead_tokens(office.context):
        pass


def active(office: Any) -> list[int]:
    return [row["id"] for row in office.rows("SELECT id FROM devices WHERE is_active ORDER BY id")]


def test_every_dead_token_is_deactivated_a_chunk_at_a_time(office: Any) -> None:
    campaign_id, _ = ended(office)
    sweeper = DeadTokens(2)
    assert sweeper.sweep_dead_tokens(office.context)
    assert len(active(office)) == 3
    sweep_all(office)
    while sweeper.sweep_dead_tokens(office.context):
        pass
    assert active(office) == []
    assert office.row("campaigns", campaign_id)["deactivate_due_at"] is None
    assert office.rows("SELECT FROM devices WHERE deactivated_at IS NULL") == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE devices SET token_digest = 'another' WHERE id = %s",
        "UPDATE devices SET registered_at = now() WHERE id = %s",
        "UPDATE deliveries SET status = 'failed' WHERE device_id = %s",
        "UPDATE deliveries SET token_digest = NULL WHERE device_id = %s",
    ],
)
def test_a_device_that_is_alive_or_was_registered_again_stays(office: Any, change: str) -> None:
    _, device_ids = ended(office)
    office.execute(change, device_ids[2])
    sweep_all(office)
    assert active(office) == [device_ids[2]]


@pytest.mark.parametrize("columns", [{"dry_run": True}, {"accepted": 0}])
def test_a_campaign_that_proves_nothing_deactivates_nobody(office: Any, columns: dict[str, Any]) -> None:
    _, device_ids = ended(office, **columns)
    sweep_all(office)
    assert active(office) == device_ids


def test_devices_that_an_import_has_locked_are_dealt_with_later(
    office: Any, other_ledger: Callable[[], Ledger]
) -> None:
    campaign_id, device_ids = ended(office)
    sweeper = DeadTokens()
    with other_ledger().transaction() as connection:
        connection.execute("UPDATE devices SET user_id = user_id WHERE id = %s", (device_ids[0],))
        with pytest.raises(LedgerUnavailableError):
            sweeper.sweep_dead_tokens(office.context)
    assert not sweeper.sweep_dead_tokens(office.context)
    office.execute("UPDATE campaigns SET deactivate_due_at = now()")
    sweep_all(office)
    assert active(office) == []
    assert office.row("campaigns", campaign_id)["deactivate_due_at"] is None

"""A ledger backed up in the middle of a campaign, and restored after more of it was sent."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from fanfare_shared.contracts.messages import Message, PlanCampaign, SendBatch, SettleCampaign
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import Priority
from fanfare_shared.ids import uuid7
from fanfare_shared.settings import DatabaseSettings
from fanfare_shared.testing.brokers import QueueReader
from fanfare_shared.testing.environment import ServerAddresses
from fanfare_shared.testing.polling import until
from fanfare_shared.worker.app import make_app
from fanfare_shared.worker.publisher import Publisher
from harness.company import Company
from harness.fleet import Fleet, fleet_on

DEVICES = 1_000
PROCESSES = ("api", "orchestrator", "push-worker-normal")
# 20 in flight for a second each: close to a minute for all of them, in which the backup finds its middle.
SETTINGS = {"FANFARE_PUSH_BATCH_SIZE": "50", "FANFARE_PUSH_WINDOW": "20", "FANFARE_PUSH_LEASE_SECONDS": "15"}
LATENCY_MS = 1_000
TAKEN = (Queue.PUSH_NORMAL, Queue.CAMPAIGNS, Queue.PUSH_RESULTS)


@pytest.fixture
def fleet(server_addresses: ServerAddresses, tmp_path: Path) -> Iterator[Fleet]:
    with fleet_on(server_addresses, tmp_path, **SETTINGS) as fleet:
        yield fleet.start_all(priorities=("normal",))


def make_company(fleet: Fleet, project: str) -> Company:
    app = fleet.client.register_app(fleet.simulator.credentials(project), name=project)
    return Company(fleet, app["id"], project, app["webhook_secret"])


def rows(database: DatabaseSettings, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.database_url.get_secret_value()) as connection:
        return connection.execute(query, parameters).fetchall()


def schema_of(database: DatabaseSettings) -> list[tuple[Any, ...]]:
    """Its version, partitions with their bounds, indexes, constraints and rights."""
    queries = (
        "SELECT version_num FROM alembic_version",
        "SELECT relname, pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition ORDER BY relname",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname",
        "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint ORDER BY 1, 2",
        (
            "SELECT proname, granted.grantee, granted.privilege_type FROM pg_proc,"
            " aclexplode(coalesce(proacl, acldefault('f', proowner))) AS granted"
            " WHERE pronamespace = 'public'::regnamespace AND granted.grantee <> proowner ORDER BY 1, 2, 3"
        ),
        (
            "SELECT relname, granted.grantee, granted.privilege_type FROM pg_class, aclexplode(relacl) AS granted"
            " WHERE relnamespace = 'public'::regnamespace AND granted.grantee <> relowner ORDER BY 1, 2, 3"
        ),
    )
    return [row for query in queries for row in rows(database, query)]


def tokens_with_an_outcome(database: DatabaseSettings, campaign: str) -> set[str]:
    found = rows(
        database,
        "SELECT d.token FROM deliveries l JOIN devices d ON d.id = l.device_id WHERE l.campaign_id = %s",
        campaign,
    )
    return {token for (token,) in found}


def make_partitions(fleet: Fleet) -> None:
    """The orchestrator does so once a day, at a moment of its own after it started: now, so that it does not later."""
    fleet.client.post("/v1/schedules/make_partitions/run")

    def made() -> bool:
        runs = fleet.client.get("/v1/schedules/make_partitions/runs")["items"]
        return any(run["status"] == "SUCCESS" for run in runs)

    until("the partitions are made", made, 120)


def publish(fleet: Fleet, *messages: Message) -> None:
    app = make_app("from-before", fleet.broker)
    try:
        for message in messages:
            Publisher(app).publish(message)
    finally:
        app.close()


def move_to(fleet: Fleet, database: DatabaseSettings) -> None:
    fleet.database = database
    place = urlsplit(database.database_url.get_secret_value()).path
    for own in fleet.of_services.values():
        if url := own.get("FANFARE_DATABASE_URL"):
            own["FANFARE_DATABASE_URL"] = urlsplit(url)._replace(path=place).geturl()
    for name in PROCESSES:
        fleet.restart(name)
    fleet.wait_until_api_ready()
    fleet.wait_until_connected(*PROCESSES[1:])


@pytest.mark.timeout(900)
def test_a_restored_ledger_sends_to_nobody_before_a_person_says_so_and_then_to_everybody_it_does_not_know_of(
    fleet: Fleet, restored: DatabaseSettings, runbook_of: Callable[..., Any]
) -> None:
    client, simulator = fleet.client, fleet.simulator
    company, other = make_company(fleet, "before"), make_company(fleet, "after")
    tokens = company.add_devices(DEVICES)
    other.add_devices(5)
    scheduled = client.create_campaign(company.app_id, title="Scheduled")
    client.act(scheduled, "schedule", scheduled_at=(datetime.now(UTC) + timedelta(minutes=10)).isoformat())
    make_partitions(fleet)
    simulator.script(latency={"ms": LATENCY_MS})
    campaign = company.send()
    client.wait_for_sent(campaign, 60)

    runbook = runbook_of(fleet.database)
    runbook.run("backup")
    client.wait_for_sent(campaign, client.stats(campaign)["sent"] + 40)
    for name in PROCESSES:
        fleet.processes[name].kill()

    printed = runbook.run("restore", "prepare")
    assert "the ledger's schema is up to date" in printed
    assert schema_of(restored) == schema_of(fleet.database)
    known = tokens_with_an_outcome(restored, campaign)
    assert 60 <= len(known) < len(tokens_with_an_outcome(fleet.database, campaign))

    (batch_id,) = rows(restored, "SELECT min(id) FROM batches WHERE campaign_id = %s AND status <> 'closed'", campaign)[
        0
    ]
    publish(
        fleet,
        SendBatch(batch_id=batch_id, campaign_id=campaign, priority=Priority.NORMAL),
        SendBatch(batch_id=5_000_000, campaign_id=uuid7(), priority=Priority.NORMAL),
        PlanCampaign(campaign_id=uuid7()),
        PlanCampaign(campaign_id=scheduled),
        SettleCampaign(campaign_id=uuid7()),
        SettleCampaign(campaign_id=campaign),
    )
    received = simulator.counts().projects["before"].admitted
    move_to(fleet, restored)
    simulator.script(latency={"ms": 0})
    assert other.finish(other.send())["success"] == 5
    with QueueReader(fleet.broker) as queues:
        until("what was left on the queues is taken", lambda: not any(map(queues.depth, TAKEN)), 60)
    stats = client.stats(campaign)
    assert (stats["status"], client.campaign(campaign)["pause_reason"]) == ("paused", "LEDGER_RESTORED")
    assert (stats["sent"], stats["pending"]) == (len(known), DEVICES - len(known))
    assert client.campaign(scheduled)["status"] == "draft"
    assert simulator.counts().projects["before"].admitted == received, "nobody was sent to"

    client.act(campaign, "resume")
    assert company.finish(campaign)["success"] == DEVICES
    assert simulator.missing(tokens).total == 0
    repeated = set(simulator.duplicates(limit=DEVICES).counts)
    assert repeated, "who was sent to after the backup gets it again: that is why a person decides"
    assert not repeated & known
    assert client.items("/v1/dead-letters") == []

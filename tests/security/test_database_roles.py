"""Each service's role in the ledger does its work and nothing else: what is refused is tried."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, InvalidParameterValue
from sqlalchemy import create_engine

from fanfare_shared.db.grants import ROLES, grant
from fanfare_shared.db.migrate import migrate
from fanfare_shared.db.partitions import Partition
from fanfare_shared.db.urls import libpq_url
from fanfare_shared.settings import DatabaseSettings
from harness.fleet import ROOT
from harness.rights_table import table
from security.tls_servers import OWNER, TlsServers

Connection = psycopg.Connection[Any]
Connect = Callable[[str], Connection]
API, ORCHESTRATOR, PUSH_WORKER, IMAGE_WORKER = ROLES

FOR_NOBODY = (
    "DROP TABLE campaigns",
    "TRUNCATE devices",
    "ALTER TABLE campaigns ADD COLUMN mine text",
    "CREATE TABLE mine (id integer)",
    "CREATE INDEX mine ON campaigns (title)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE ROLE mine",
    "CREATE DATABASE mine",
    "SET ROLE fanfare",
    "ALTER FUNCTION make_deliveries_partition SECURITY INVOKER",
    "UPDATE alembic_version SET version_num = '0001'",
    "UPDATE audit_log SET actor = 'nobody'",
    "UPDATE deliveries SET status = 'accepted'",
    "DELETE FROM deliveries",
    "DELETE FROM apps",
    "COPY campaigns TO PROGRAM 'cat'",
)
FOR_OTHERS = {
    API: (
        "INSERT INTO deliveries (campaign_id, device_id) VALUES (gen_random_uuid(), 1)",
        "INSERT INTO dead_letters (id, source, reason) VALUES (gen_random_uuid(), 'message', 'mine')",
        "UPDATE campaign_plans SET total = 0",
        "DELETE FROM audit_log",
        "DELETE FROM api_keys",
        "DELETE FROM batches",
        "DELETE FROM images",
        "UPDATE schedule_runs SET status = 'SUCCESS'",
        "SELECT make_deliveries_partition('2026-01-05')",
        "SELECT drop_deliveries_partition('2026-01-05')",
    ),
    ORCHESTRATOR: (
        "SELECT token FROM devices",
        "SELECT * FROM devices",
        "SELECT credentials_encrypted FROM apps",
        "SELECT key_digest FROM api_keys",
        "SELECT body FROM idempotency_keys",
        "INSERT INTO api_keys (id, name, key_digest, scopes, created_by) VALUES (gen_random_uuid(), '', '', '{}', '')",
        "UPDATE apps SET quota_per_minute = 1",
        "UPDATE devices SET token = 'mine'",
        "DELETE FROM devices",
        "DELETE FROM images",
        "CREATE TEMPORARY TABLE mine (id integer)",
        "DROP TABLE deliveries",
    ),
    PUSH_WORKER: (
        "SELECT id FROM api_keys",
        "SELECT webhook_secret_encrypted FROM apps",
        "SELECT id FROM audit_log",
        "SELECT id FROM dead_letters",
        "SELECT id FROM images",
        "SELECT id FROM image_jobs",
        "SELECT target FROM notifications",
        "UPDATE apps SET credentials_encrypted = NULL",
        "UPDATE devices SET is_active = false",
        "DELETE FROM devices",
        "DELETE FROM batches",
        "DELETE FROM campaigns",
        "CREATE TEMPORARY TABLE mine (id integer)",
        "SELECT drop_deliveries_partition('2026-01-05')",
    ),
    IMAGE_WORKER: (
        "SELECT id FROM api_keys",
        "SELECT id FROM apps",
        "SELECT id FROM devices",
        "SELECT id FROM campaigns",
        "SELECT id FROM batches",
        "SELECT device_id FROM deliveries",
        "SELECT id FROM audit_log",
        "SELECT target FROM notifications",
        "SELECT id FROM uploads",
        "UPDATE folders SET path = 'mine'",
        "DELETE FROM folders",
        "DELETE FROM image_jobs",
        "CREATE TEMPORARY TABLE mine (id integer)",
        "SELECT drop_deliveries_partition('2026-01-05')",
    ),
}
FORBIDDEN = [(role, statement) for role in ROLES for statement in (*FOR_NOBODY, *FOR_OTHERS[role])]


@pytest.fixture(scope="module")
def ledger(servers: TlsServers) -> DatabaseSettings:
    """As its owner sees it; migrated."""
    settings = DatabaseSettings.model_validate(servers.database(OWNER))
    migrate(settings)
    return settings


@pytest.fixture(scope="module")
def connect(servers: TlsServers, ledger: DatabaseSettings) -> Iterator[Connect]:
    """A connection as a role, with its own certificate. Each statement is a transaction of its own."""
    opened: dict[str, Connection] = {}

    def open_as(role: str) -> Connection:
        if role not in opened:
            settings = DatabaseSettings.model_validate(servers.database(role))
            opened[role] = psycopg.connect(libpq_url(settings), autocommit=True)
        return opened[role]

    yield open_as
    for connection in opened.values():
        connection.close()


@pytest.fixture
def owner(ledger: DatabaseSettings) -> Iterator[Connection]:
    with psycopg.connect(libpq_url(ledger), autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(("role", "statement"), FORBIDDEN)
def test_a_role_is_refused_what_is_not_its_work(connect: Connect, role: str, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        connect(role).execute(statement)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_cannot_become_another(connect: Connect, role: str) -> None:
    for other in {*ROLES, OWNER, "postgres"} - {role}:
        with pytest.raises(InsufficientPrivilege):
            connect(role).execute(f"SET ROLE {other}")


def test_what_a_role_may_do_with_a_table_is_what_the_docs_say(owner: Connection) -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    assert table(owner) in page, "docs/security.md: PYTHONPATH=tests python -m harness.rights_table"


def test_the_orchestrator_makes_and_drops_a_week_s_partition(connect: Connect, owner: Connection) -> None:
    orchestrator = connect(ORCHESTRATOR)
    week = Partition.holding(datetime(2031, 5, 14, tzinfo=UTC))
    there = f"SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = '{week.name}'"
    for _ in range(2):
        orchestrator.execute("SELECT make_deliveries_partition(%s)", (week.start.date(),))
    first, last = week.bounds
    assert owner.execute(there).fetchone() == (f"FOR VALUES FROM ('{first}') TO ('{last}')",)
    with pytest.raises(InsufficientPrivilege):
        orchestrator.execute(f"DROP TABLE {week.name}")
    with pytest.raises(InsufficientPrivilege):
        orchestrator.execute(f"SELECT device_id FROM {week.name}")
    for _ in range(2):
        orchestrator.execute("SELECT drop_deliveries_partition(%s)", (week.start.date(),))
    assert owner.execute(there).fetchone() is None


@pytest.mark.parametrize("day", [date(2031, 5, 13), None])
@pytest.mark.parametrize("function", ["make_deliveries_partition", "drop_deliveries_partition"])
def test_a_partition_begins_on_a_monday(connect: Connect, function: str, day: date | None) -> None:
    with pytest.raises(InvalidParameterValue, match="is no Monday"):
        connect(ORCHESTRATOR).execute(f"SELECT {function}(%s)", (day,))


def test_partitions_are_the_ledgers_whatever_the_callers_search_path_is(connect: Connect, owner: Connection) -> None:
    monday = Partition.holding(datetime.now(UTC) + timedelta(weeks=300)).start.date()
    with connect(ORCHESTRATOR).transaction(force_rollback=True):
        connect(ORCHESTRATOR).execute("SET LOCAL search_path = pg_temp")
        connect(ORCHESTRATOR).execute("SELECT public.make_deliveries_partition(%s)", (monday,))
        found = connect(ORCHESTRATOR).execute(
            "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = %s", (f"deliveries_{monday:%Y%m%d}",)
        )
        assert found.fetchone() == ("public",)


def test_migrating_again_takes_what_was_granted_besides(ledger: DatabaseSettings, owner: Connection) -> None:
    before = table(owner)
    owner.execute(f"GRANT ALL ON devices TO {IMAGE_WORKER}")
    owner.execute(f"GRANT UPDATE (token) ON devices TO {ORCHESTRATOR}")
    owner.execute(f"GRANT EXECUTE ON FUNCTION drop_deliveries_partition TO {IMAGE_WORKER}")
    assert table(owner) != before
    assert migrate(ledger) == list(ROLES)
    assert table(owner) == before
    may_drop = f"SELECT has_function_privilege('{IMAGE_WORKER}', 'drop_deliveries_partition(date)', 'EXECUTE')"
    assert owner.execute(may_drop).fetchone() == (False,)


def test_a_server_that_knows_none_of_the_roles_goes_on_with_the_owner_alone(servers: TlsServers) -> None:
    engine = create_engine(servers.administrator().replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        for role in ROLES:
            connection.exec_driver_sql(f"ALTER ROLE {role} RENAME TO {role}_away")
        assert grant(connection) == []
        connection.rollback()
    engine.dispose()

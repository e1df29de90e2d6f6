"""A campaign with batches, made directly in the ledger."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from fanfare_shared.crypto import token_digest
from fanfare_shared.db.connection import Connection, the_row
from fanfare_shared.db.partitions import Partition, ensure_partition
from fanfare_shared.ids import uuid7


@dataclass(frozen=True)
class World:
    app_id: UUID
    campaign_id: UUID
    device_ids: list[int]
    batch_id: int


def make_world(connection: Connection, devices: int = 10, **campaign: Any) -> World:
    """An app, its devices, a processing campaign and one published batch of all of them."""
    app_id, campaign_id = uuid7(), uuid7()
    connection.execute(
        "INSERT INTO apps (id, name, firebase_project_id, credentials_secret, quota_per_minute, webhook_secret_encrypted) "
        "VALUES (%s, %s, %s, 'file', 600000, '')",
        (app_id, str(app_id), str(app_id)),
    )
    device_ids = [
        the_row(
            connection.execute(
                "INSERT INTO devices (app_id, user_id, token, token_digest, platform) VALUES (%s, %s, %s, %s, 'android') "
                "RETURNING id",
                (app_id, f"user-{number}", f"token-{number}", token_digest(f"token-{number}")),
            )
        )[0]
        for number in range(devices)
    ]
    columns = {
        "id": campaign_id,
        "app_id": app_id,
        "title": "t",
        "message": "m",
        "priority": "normal",
        "target": Jsonb({"all": True}),
        "ttl_seconds": 3600,
        "delivery": "at_least_once",
        "dry_run": False,
        "status": "processing",
        "created_by": "test",
        **campaign,
    }
    connection.execute(
        f"INSERT INTO campaigns ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})",
        list(columns.values()),
    )
    connection.execute(
        "INSERT INTO campaign_plans (campaign_id, ceiling, total, batches, planned_at) VALUES (%s, %s, %s, 1, now())",
        (campaign_id, device_ids[-1], devices),
    )
    ensure_partition(connection, Partition.of_campaign(campaign_id))
    return World(app_id, campaign_id, device_ids, add_batch(connection, app_id, campaign_id, device_ids))


def add_batch(connection: Connection, app_id: UUID, campaign_id: UUID, device_ids: list[int], **columns: Any) -> int:
    columns = {"status": "published", "attempt": 1, "ambiguous": False, **columns}
    cursor = connection.execute(
        f"INSERT INTO batches (campaign_id, app_id, priority, device_ids, size, due_at, {', '.join(columns)}) "
        f"VALUES (%s, %s, 'normal', %s, %s, now(), {', '.join(['%s'] * len(columns))}) RETURNING id",
        [campaign_id, app_id, device_ids, len(device_ids), *columns.values()],
    )
    return int(the_row(cursor)[0])

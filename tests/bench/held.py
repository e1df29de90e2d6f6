"""What the servers hold and have moved so far, to be compared before and after a job."""

import time
from collections import Counter
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import psutil
import redis

from bench.context import Bench
from fanfare_shared.testing.brokers import vhost_of
from harness.fleet import Fleet

# RabbitMQ adds up what went over its connections every five seconds, and says nothing when it has.
_STATISTICS_SECONDS = 6.0

_LEDGER = """
SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint,
       sum(pg_total_relation_size(c.oid)) FILTER (WHERE relname = 'devices'),
       sum(pg_total_relation_size(c.oid)) FILTER (WHERE relname LIKE 'deliveries%'),
       sum(pg_total_relation_size(c.oid)) FILTER (WHERE relname = 'batches'),
       sum(pg_total_relation_size(c.oid)) FILTER (WHERE relname IN ('images', 'originals', 'variants')),
       sum(pg_total_relation_size(c.oid)) FILTER (WHERE relname IN ('image_items', 'image_batches'))
FROM pg_class AS c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


@dataclass(frozen=True)
class Held:
    """Bytes, indexes included; `broker_messages` and `redis_commands` are numbers."""

    wal: int
    devices: int
    deliveries: int
    batches: int
    images: int
    image_items: int
    broker_in: int
    broker_out: int
    broker_messages: int
    redis_commands: int

    def __sub__(self, before: "Held") -> "Held":
        return Held(**{
            field.name: getattr(self, field.name) - getattr(before, field.name) for field in fields(self)
        })  # fmt: skip


def held(bench: Bench, fleet: Fleet) -> Held:
    with fleet.ledger().statement() as connection:
        of_ledger = [int(value or 0) for value in connection.execute(_LEDGER).fetchone() or ()]
    with redis.Redis.from_url(bench.servers.redis_url.get_secret_value()) as client:
        commands = int(client.info("stats")["total_commands_processed"])
    wal, devices, deliveries, batches, images, image_items = of_ledger
    return Held(wal, devices, deliveries, batches, images, image_items, *_broker(bench, fleet), commands)


def connections(bench: Bench, fleet: Fleet) -> dict[str, Counter[str]]:
    """Open connections of each process, by process and server. Redis' and RabbitMQ's pools have opened what they need."""
    names = {
        urlsplit(url.get_secret_value()).port: server
        for server, url in (
            ("PostgreSQL", bench.servers.database_url),
            ("RabbitMQ", bench.servers.broker_url),
            ("Redis", bench.servers.redis_url),
        )
    }
    found: dict[str, Counter[str]] = {}
    for name, process in fleet.processes.items():
        counts: Counter[str] = Counter()
        for pid in process.pids:
            for connection in psutil.Process(pid).net_connections("tcp"):
                if connection.status == psutil.CONN_ESTABLISHED and connection.raddr.port in names:
                    counts[names[connection.raddr.port]] += 1
        found[name] = counts
    return found


def _broker(bench: Bench, fleet: Fleet) -> tuple[int, int, int]:
    url = (
        f"{bench.servers.broker_management_url.get_secret_value()}/api/vhosts/{quote(vhost_of(fleet.broker), safe='')}"
    )
    time.sleep(_STATISTICS_SECONDS)
    vhost: dict[str, Any] = httpx.get(url, timeout=30, trust_env=False).raise_for_status().json()
    return vhost.get("recv_oct", 0), vhost.get("send_oct", 0), vhost.get("message_stats", {}).get("publish", 0)

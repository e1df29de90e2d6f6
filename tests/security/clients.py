"""Every way in which a process of the fleet connects to a server, with the services' own code."""

import asyncio
from collections.abc import Callable, Mapping
from uuid import uuid4

import redis
import redis.asyncio
from kombu import pools
from sqlalchemy import text

from fanfare_api.database import make_engine
from fanfare_api.settings import ApiSettings
from fanfare_shared.contracts.messages import PlanCampaign
from fanfare_shared.db.connection import Ledger
from fanfare_shared.db.migrate import migrate
from fanfare_shared.redis_tls import redis_tls
from fanfare_shared.settings import BrokerSettings, DatabaseSettings, RedisSettings
from fanfare_shared.worker.app import make_app
from fanfare_shared.worker.publisher import Publisher

# `FANFARE_*` settings, without the prefix.
Settings = Mapping[str, str]

_TIMEOUT_SECONDS = 20
_OTHERS_OF_THE_API = {
    "broker_url": "amqp://nowhere",
    "redis_url": "redis://nowhere",
    "encryption_keys": "k" * 44,
    "signing_keys": "s" * 32,
}


def asyncpg_of_the_api(settings: Settings) -> None:
    async def connect() -> None:
        engine = make_engine(ApiSettings.model_validate({**_OTHERS_OF_THE_API, **settings}))
        try:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        finally:
            await engine.dispose()

    asyncio.run(connect())


def psycopg_of_a_worker(settings: Settings) -> None:
    ledger = Ledger(DatabaseSettings.model_validate(settings), "test")
    try:
        with ledger.statement() as connection:
            connection.execute("SELECT 1")
    finally:
        ledger.close()


def fanfare_migrate(settings: Settings) -> None:
    migrate(DatabaseSettings.model_validate(settings))


def publisher(settings: Settings) -> None:
    """The api's and every worker's. kombu keeps a process's connections by address, whatever their files."""
    app = make_app("publisher", BrokerSettings.model_validate(settings))
    try:
        Publisher(app).publish(PlanCampaign(campaign_id=uuid4()))
    finally:
        pools.reset()


def consumer(settings: Settings) -> None:
    """A worker's, and that of the dead letters."""
    app = make_app("consumer", BrokerSettings.model_validate(settings))
    with app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=_TIMEOUT_SECONDS)
        connection.heartbeat_check()


def redis_of_a_worker(settings: Settings) -> None:
    known = RedisSettings.model_validate(settings)
    with redis.Redis.from_url(known.redis_url.get_secret_value(), **redis_tls(known)) as client:
        client.ping()


def redis_of_the_api(settings: Settings) -> None:
    async def connect() -> None:
        known = RedisSettings.model_validate(settings)
        async with redis.asyncio.Redis.from_url(known.redis_url.get_secret_value(), **redis_tls(known)) as client:
            await client.ping()

    asyncio.run(connect())


Connect = Callable[[Settings], None]
# By the server: the prefix of its settings.
CLIENTS: dict[str, tuple[Connect, ...]] = {
    "database": (asyncpg_of_the_api, psycopg_of_a_worker, fanfare_migrate),
    "broker": (publisher, consumer),
    "redis": (redis_of_a_worker, redis_of_the_api),
}

"""The api's pool of connections to the ledger."""

from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.ext.asyncio import AsyncSession as PlainSession
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.settings import ApiSettings
from fanfare_shared.db.urls import asyncpg_tls, asyncpg_url, sqlalchemy_url
from fanfare_shared.errors import LedgerUnavailableError

_CONNECT_TIMEOUT_SECONDS = 5
# Longer than any request of ours holds a row; a stuck one must not take the whole pool with it.
_LOCK_TIMEOUT = "5s"
_POOL_TIMEOUT_SECONDS = 5


def make_engine(settings: ApiSettings) -> AsyncEngine:
    """Connects when first used, and checks a pooled connection before each use, so that a restarted server is not noticed."""
    return create_async_engine(
        sqlalchemy_url(settings, driver="asyncpg"),
        async_creator=lambda: _connect(settings),
        pool_size=settings.api_database_connections,
        max_overflow=0,
        pool_timeout=_POOL_TIMEOUT_SECONDS,
        pool_pre_ping=True,
    )


def make_sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    return async_sessionmaker(engine, class_=_Session, expire_on_commit=False)


class _Session(AsyncSession):
    # SQLModel deprecates `execute` in favour of its typed `exec`, which takes no statement written as text.
    execute = PlainSession.execute


async def _connect(settings: ApiSettings) -> Any:
    try:
        return await asyncpg.connect(
            asyncpg_url(settings),
            ssl=asyncpg_tls(settings),
            timeout=_CONNECT_TIMEOUT_SECONDS,
            server_settings={"application_name": "fanfare-api", "lock_timeout": _LOCK_TIMEOUT, "timezone": "UTC"},
        )
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise LedgerUnavailableError(f"PostgreSQL: {type(error).__name__}") from error

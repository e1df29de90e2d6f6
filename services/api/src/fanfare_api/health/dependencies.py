"""Asking the servers and the storage whether they answer, all at once and not for long."""

import asyncio
from collections.abc import Awaitable, Callable

from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from fanfare_api.runtime import Runtime
from fanfare_shared.errors import BrokerUnavailableError, UnavailableError

_PATIENCE_SECONDS = 2.0


async def dependency_errors(runtime: Runtime) -> dict[str, str | None]:
    """By server, null or why it is not ready."""
    checks = {"postgresql": _postgresql, "rabbitmq": _rabbitmq, "redis": _redis, "storage": _storage}
    answers = await asyncio.gather(*(_error_of(check, runtime) for check in checks.values()))
    return dict(zip(checks, answers, strict=True))


async def _error_of(check: Callable[[Runtime], Awaitable[None]], runtime: Runtime) -> str | None:
    try:
        await asyncio.wait_for(check(runtime), _PATIENCE_SECONDS)
    except TimeoutError:
        return f"no answer within {_PATIENCE_SECONDS:g} s"
    except UnavailableError as error:
        return error.detail
    except (OSError, SQLAlchemyError, RedisError) as error:
        return type(error).__name__
    return None


async def _postgresql(runtime: Runtime) -> None:
    async with runtime.engine.connect() as connection:
        await connection.execute(text("SELECT 1"))


async def _rabbitmq(runtime: Runtime) -> None:
    await asyncio.to_thread(_connect_to_broker, runtime)


def _connect_to_broker(runtime: Runtime) -> None:
    # The transport itself, for everything above it tries again on its own.
    connection = runtime.broker.connection_for_write(connect_timeout=_PATIENCE_SECONDS)
    transport = connection.transport
    try:
        transport.close_connection(transport.establish_connection())
    except connection.connection_errors as error:
        raise BrokerUnavailableError(f"RabbitMQ: {type(error).__name__}") from error


async def _redis(runtime: Runtime) -> None:
    await runtime.redis.ping()


async def _storage(runtime: Runtime) -> None:
    await runtime.storage().ensure_ready_async()

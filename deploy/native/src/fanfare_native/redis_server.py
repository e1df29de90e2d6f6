"""The private Redis: the quota's server. It keeps nothing on disk: a quota is worth a minute at most."""

from pathlib import Path

import redis.asyncio
from redis.exceptions import RedisError

from fanfare_native.context import Context
from fanfare_native.part import Part
from fanfare_native.ports import HOST
from fanfare_native.programs import REDIS, program


def part(context: Context) -> Part:
    folder = context.layout.run / "redis"
    return Part(
        name="redis",
        command=[program(REDIS, "redis-server"), "redis.conf"],
        files={folder / "redis.conf": _configuration(context)},
        directory=folder,
        ready=lambda _: _ready(context),
    )


def url(context: Context) -> str:
    return f"redis://:{context.credentials.password('redis')}@{HOST}:{context.ports['redis']}/0"


def _configuration(context: Context) -> str:
    settings = {
        "bind": HOST,
        "port": context.ports["redis"],
        "requirepass": context.credentials.password("redis"),
        "dir": Path("./"),
        "save": '""',
        "appendonly": "no",
        "daemonize": "no",
        # A new title would overwrite the environment that /proc shows, and with it the marker in `processes`.
        "set-proc-title": "no",
        "maxmemory-policy": "noeviction",
        "databases": 64,
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


async def _ready(context: Context) -> bool:
    try:
        async with redis.asyncio.from_url(url(context), socket_connect_timeout=2, socket_timeout=2) as client:
            return bool(await client.ping())
    except (OSError, RedisError):
        return False

"""A session's own numbered database on the Redis server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import redis

from fanfare_shared.errors import ConfigurationError
from fanfare_shared.processes import is_alive

# Holds the id of the process whose session has the database; that of a dead one may be taken over.
_OWNER_KEY = "fanfare:test-session"
_DATABASES = range(15, 0, -1)


@contextmanager
def own_redis(server_url: str) -> Iterator[str]:
    for number in _DATABASES:
        url = urlsplit(server_url)._replace(path=f"/{number}").geturl()
        with redis.Redis.from_url(url) as client:
            if _take(client):
                try:
                    yield url
                finally:
                    client.flushdb()
                return
    raise ConfigurationError("no Redis database from 1 to 15 is empty: empty one with FLUSHDB")


def _take(client: redis.Redis) -> bool:
    owner = client.get(_OWNER_KEY)
    if isinstance(owner, bytes) and not is_alive(int(owner)):
        client.flushdb()
    if not client.set(_OWNER_KEY, os.getpid(), nx=True):
        return False
    if client.dbsize() == 1:
        return True
    client.delete(_OWNER_KEY)
    return False

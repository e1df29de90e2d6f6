"""What the process holds while it runs: made by the app's lifespan, read by endpoints through their dependencies."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from celery import Celery
from fastapi import Request
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.auth.keys import KeyRing
from fanfare_api.bulk.feed import StatsFeed
from fanfare_api.http.hints import HintSender
from fanfare_api.settings import ApiSettings
from fanfare_shared.crypto import Cipher
from fanfare_shared.images.pipeline import Pipeline
from fanfare_shared.storage.port import Storage
from fanfare_shared.storage.signed_links import SignedLinks


@dataclass(frozen=True)
class Runtime:
    """`sessions` makes sessions apart from a request's own, e.g. for an answer that streams after its transaction ended.
    `storage` opens it when first asked for: raises StorageUnavailableError while it cannot, which is no reason not to start.
    `stopping` is set when the process is about to end: whoever waits for something gives up.
    """

    settings: ApiSettings
    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    keys: KeyRing
    hints: HintSender
    broker: Celery
    redis: Redis
    cipher: Cipher
    imports: asyncio.Semaphore
    storage: Callable[[], Storage]
    links: SignedLinks
    presets: Mapping[str, Pipeline]
    uploads: asyncio.Semaphore
    feed: StatsFeed
    stopping: asyncio.Event

    def stop_waiting(self) -> None:
        """Ends what would keep a request open for long: event streams, and waits for a task."""
        self.stopping.set()
        self.feed.close()


def runtime_of(request: Request) -> Runtime:
    runtime = request.app.state.runtime
    assert isinstance(runtime, Runtime)  # noqa: S101 - for the type; the lifespan sets it
    return runtime

"""Live accounts for many listeners: each job that somebody listens to is read once a second, for all of them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Generic
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.bulk.account import Account, AccountView, StatsT
from fanfare_api.bulk.rates import RecentRates
from fanfare_shared.errors import LedgerUnavailableError
from fanfare_shared.logs import get_logger

POLL_SECONDS = 1.0
# Shorter than the idle time-out of common proxies (nginx's is 60 s).
HEARTBEAT_SECONDS = 10.0

log = get_logger(__name__)


class StatsFeed:
    """The watches of one process, of jobs of every kind. A watch lives as long as it has listeners."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], rates: RecentRates) -> None:
        self._sessions = sessions
        self._rates = rates
        self._watches: dict[UUID, _Watch[Any]] = {}
        self._closed = False

    def present(self, view: AccountView[StatsT], account: Account) -> StatsT:
        """The account with the rate that this process has seen of late."""
        return view.present(account, self._rates.observe(account.job_id, account.taken_at, account.ended))

    async def listen(self, view: AccountView[StatsT], job_id: UUID) -> AsyncIterator[StatsT | None]:
        """The account now and whenever it changed, None as a sign of life in between. Ends with the job's end."""
        if self._closed:
            return
        watch = self._watches.get(job_id)
        if watch is None:
            watch = self._watches[job_id] = _Watch(self, view, job_id)
        watch.listeners += 1
        seen = 0
        try:
            while True:
                if watch.latest is not None and watch.version > seen:
                    seen = watch.version
                    yield watch.latest
                elif watch.ended:
                    return
                elif not await watch.news():
                    yield None
        finally:
            watch.listeners -= 1
            if not watch.listeners:
                watch.stop()
                if self._watches.get(job_id) is watch:
                    del self._watches[job_id]

    def close(self) -> None:
        """Ends every listener, so that a process that stops need not wait for them."""
        self._closed = True
        for watch in self._watches.values():
            watch.stop()
            watch.task.cancel()

    async def look(self, view: AccountView[StatsT], job_id: UUID) -> StatsT | None:
        async with self._sessions() as session:
            account = await view.read(session, job_id)
        return self.present(view, account) if account is not None else None


class _Watch(Generic[StatsT]):
    """One job, read once a second. `version` counts the changes of `latest`."""

    def __init__(self, feed: StatsFeed, view: AccountView[StatsT], job_id: UUID) -> None:
        self.listeners = 0
        self.latest: StatsT | None = None
        self.version = 0
        self.ended = False
        self._feed = feed
        self._view = view
        self._job_id = job_id
        self._news = asyncio.Event()
        self.task = asyncio.create_task(self._poll(), name=f"watch {job_id}")

    async def news(self) -> bool:
        """Waits for the next change or the end; False when neither came within the heartbeat's time."""
        try:
            await asyncio.wait_for(self._news.wait(), HEARTBEAT_SECONDS)
        except TimeoutError:
            return False
        return True

    def stop(self) -> None:
        """Lets the task end after its turn: a cancelled query would cost its connection."""
        self._tell(ended=True)

    async def _poll(self) -> None:
        while not self.ended:
            try:
                stats = await self._feed.look(self._view, self._job_id)
            except (DBAPIError, PoolTimeoutError, LedgerUnavailableError) as error:
                log.warning("a watched job could not be read", kind=self._view.kind.name, error=type(error).__name__)
            else:
                if stats is not None and stats != self.latest:
                    self.latest = stats
                    self.version += 1
                    self._tell(ended=stats.status.is_final)
                elif stats is None:
                    self._tell(ended=True)
            await asyncio.sleep(POLL_SECONDS)

    def _tell(self, *, ended: bool) -> None:
        self.ended = self.ended or ended
        told, self._news = self._news, asyncio.Event()
        told.set()

"""One campaign to devices of its own, while something breaks."""

import secrets
import time
from collections.abc import Callable
from typing import Any

import httpx

from chaos.account import Account, count_account
from fanfare_shared.campaigns.retries import RetryKind
from fanfare_shared.db.connection import Ledger, the_row
from fanfare_shared.errors import LedgerUnavailableError
from fanfare_shared.testing.polling import until
from harness.client import FINAL
from harness.fleet import Fleet

# The bound of what is accepted twice is tight only where a kill finds the window full.
WINDOW, CHUNK, LATENCY_MS = 100, 50, 80
LEASE_SECONDS = 15
SETTINGS = {
    "FANFARE_PUSH_WINDOW": str(WINDOW),
    "FANFARE_PUSH_CHUNK_SIZE": str(CHUNK),
    "FANFARE_PUSH_BATCH_SIZE": "500",
    "FANFARE_PUSH_LEASE_SECONDS": str(LEASE_SECONDS),
}
_UNAVAILABLE = (LedgerUnavailableError, httpx.TransportError, httpx.HTTPStatusError)


class Trial:
    """Devices of a Firebase project of its own, so that several may go on at a time.

    `tokens_from`: the simulator's listener, `plain` or `fault`, that the project's access tokens come from.
    """

    def __init__(self, fleet: Fleet, devices: int, *, tokens_from: str = "plain") -> None:
        self.fleet = fleet
        self.project = f"chaos-{secrets.token_hex(4)}"
        self.tokens = [f"{self.project}-{number}" for number in range(devices)]
        credentials = fleet.simulator.credentials(self.project, tokens_from)
        self.app_id = fleet.client.create_app(credentials, name=self.project)
        fleet.client.import_devices(self.app_id, self.tokens)
        self.campaign_id = ""
        self._ledger = fleet.ledger()
        self._began = 0.0

    @property
    def ledger(self) -> Ledger:
        return self._ledger

    def send(self, **fields: Any) -> None:
        self.campaign_id = self.fleet.client.create_campaign(self.app_id, **fields)
        self._began = time.monotonic()
        self.fleet.client.send(self.campaign_id)

    def received(self) -> int:
        """Requests for its devices that reached the simulator."""
        counts = self.fleet.simulator.counts().projects.get(self.project)
        return counts.admitted + counts.refused if counts else 0

    def journalled(self) -> int:
        """Devices whose sending was begun, by the ledger."""
        return int(self.one("SELECT coalesce(sum(started), 0) FROM batches WHERE campaign_id = %s")[0])

    def wait_for_received(self, number: int, seconds: float = 120) -> int:
        return until(
            f"{number} messages are received",
            lambda: self.received() >= number and self.received(),
            seconds,
            every=0.02,
        )

    def one(self, query: str) -> Any:
        """The first row of a query, the campaign's id its only parameter."""
        with self._ledger.statement() as connection:
            return the_row(connection.execute(query, (self.campaign_id,)))

    def many(self, query: str) -> list[Any]:
        with self._ledger.statement() as connection:
            return connection.execute(query, (self.campaign_id,)).fetchall()

    def wait_until(self, what: str, holds: Callable[[], Any], seconds: float = 150) -> None:
        """Whatever cannot be reached meanwhile is asked again."""

        def look() -> Any:
            try:
                return holds()
            except _UNAVAILABLE:
                return None

        until(f"{what} ({self.campaign_id})", look, seconds)

    def wait_for_end(self, status: str = "completed", seconds: float = 200) -> Account:
        """The account, once the campaign has ended by itself."""
        query = "SELECT status FROM campaigns WHERE id = %s"
        self.wait_until("the campaign has ended", lambda: self.one(query)[0] in FINAL, seconds)
        took = time.monotonic() - self._began
        assert self.one(query)[0] == status
        self.fleet.wait_until_api_ready()
        stats = self.fleet.client.stats(self.campaign_id)
        with self._ledger.transaction() as connection:
            return count_account(connection, self.fleet.simulator, self.campaign_id, self.tokens, stats, took)

    def attempts(self) -> set[int]:
        """How many attempts its devices had."""
        return {
            attempts for (attempts,) in self.many("SELECT DISTINCT attempts FROM deliveries WHERE campaign_id = %s")
        }

    def ambiguous(self) -> int:
        """Devices that FCM may have accepted a message for without anybody having recorded it."""
        return int(
            self.one(
                f"""
                SELECT (SELECT count(*) FROM batches b, unnest(b.retry_kinds) AS kind
                        WHERE b.campaign_id = c.id AND kind IN ({RetryKind.AMBIGUOUS.value}, {RetryKind.LOST.value}))
                     + (SELECT count(*) FROM deliveries d WHERE d.campaign_id = c.id AND d.status = 'unknown')
                FROM campaigns c WHERE c.id = %s
                """
            )[0]
        )

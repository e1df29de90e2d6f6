"""What there is to send: a campaign to devices of a Firebase project of its own."""

import time
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from chaos.account import Account, count_account

from bench.campaigns import tokens
from harness.client import FINAL
from harness.fleet import Fleet


class Point(NamedTuple):
    """`at`: epoch seconds."""

    at: float
    value: float


@dataclass(frozen=True)
class Load:
    project: str
    devices: int
    quota_per_minute: int


@dataclass(frozen=True)
class Sent:
    """A load that was sent. Times are epoch seconds; `rate` is in messages a second, as the simulator admitted them."""

    load: Load
    sent_at: float
    completed_at: float
    account: Account
    rate: list[Point]


class Campaign:
    """A load on a fleet, its devices imported, and not sent yet."""

    def __init__(self, fleet: Fleet, load: Load) -> None:
        self._fleet = fleet
        self._load = load
        self._tokens = list(tokens(load.devices, load.project))
        app = fleet.client.create_app(
            fleet.simulator.credentials(load.project), load.quota_per_minute, f"rehearsal: {load.project}"
        )
        fleet.client.import_devices(app, self._tokens)
        self._id = fleet.client.create_campaign(app)
        self.sent_at = 0.0

    def send(self) -> None:
        self.sent_at = time.time()
        self._fleet.client.send(self._id)

    @property
    def ended(self) -> bool:
        return self._stats()["status"] in FINAL

    def sent(self) -> Sent:
        """Once it has ended. AssertionError where the account does not add up."""
        stats = self._stats()
        completed_at = datetime.fromisoformat(stats["completed_at"]).timestamp()
        # No transaction: the server would end one that is idle while the simulator is asked about a million tokens.
        with closing(self._fleet.ledger()) as ledger, ledger.statement() as connection:
            account = count_account(
                connection, self._fleet.simulator, self._id, self._tokens, stats, completed_at - self.sent_at
            )
        return Sent(self._load, self.sent_at, completed_at, account, self._rate())

    def _stats(self) -> dict[str, Any]:
        return self._fleet.client.stats(self._id)

    def _rate(self) -> list[Point]:
        """Second by second, from the first to the last that had traffic."""
        seconds: dict[int, int] = {}
        for start_ms, admitted, _ in self._fleet.simulator.timeline(self._load.project).buckets:
            seconds[start_ms // 1000] = seconds.get(start_ms // 1000, 0) + admitted
        return [Point(second, seconds.get(second, 0)) for second in range(min(seconds), max(seconds) + 1)]

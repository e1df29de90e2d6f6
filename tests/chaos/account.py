"""A campaign's account, counted four ways: the api's, the campaign's row, the rows of its devices, and FCM's own count."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from fanfare_shared.contracts.words import Outcome
from fanfare_shared.db.connection import Connection, the_row
from fcm_simulator.client import SimulatorClient
from harness.client import adds_up

COUNTS = tuple(outcome.value for outcome in Outcome)
_TOKENS_ASKED = 50_000
# What FCM must not have accepted a message for.
_NOT_ACCEPTED = ("invalid_token", "failed", "expired", "cancelled")


@dataclass(frozen=True)
class Account:
    """`missed`: planned for and neither sent to nor accounted otherwise; `repeated`: accepts beyond a device's first."""

    stats: dict[str, Any]
    devices: int
    missed: int
    repeated: int
    seconds: float

    @property
    def accepted(self) -> int:
        return int(self.stats["success"])

    @property
    def unknown(self) -> int:
        return int(self.stats["unknown"])


def count_account(
    connection: Connection,
    simulator: SimulatorClient,
    campaign_id: str,
    sent_to: list[str],
    stats: dict[str, Any],
    seconds: float,
) -> Account:
    """Fails where the four differ. The campaign must have ended; `sent_to`: the tokens of its devices, and no other's."""
    assert adds_up(stats), stats
    tokens = _tokens_by_status(connection, campaign_id)
    total = stats["total_recipients"]
    rows, devices = _rows(connection, campaign_id)
    assert sum(rows.values()) == devices == total, "one row a device, and no device without one"
    assert rows == _counts_of_campaign(connection, campaign_id), "the campaign's counts are those of its devices"
    assert rows == Counter({name: stats["success" if name == "accepted" else name] for name in COUNTS})
    assert _open_batches(connection, campaign_id) == 0
    for status in _NOT_ACCEPTED:
        sent_anyway = len(tokens[status]) - _missing(simulator, tokens[status])
        assert sent_anyway == 0, f"{sent_anyway} devices are {status}, and FCM accepted their message"
    return Account(
        stats=stats,
        devices=total,
        missed=_missing(simulator, tokens["accepted"]),
        repeated=_repeated(simulator, set(sent_to)),
        seconds=seconds,
    )


def _missing(simulator: SimulatorClient, tokens: list[str]) -> int:
    """Asked about in parts, for a million tokens are 160 MB of JSON."""
    parts = (tokens[start : start + _TOKENS_ASKED] for start in range(0, len(tokens), _TOKENS_ASKED))
    return sum(simulator.missing(part).total for part in parts)


def _repeated(simulator: SimulatorClient, tokens: set[str]) -> int:
    duplicates = simulator.duplicates(limit=1_000_000)
    return sum(accepts - 1 for token, accepts in duplicates.counts.items() if token in tokens)


def _rows(connection: Connection, campaign_id: str) -> tuple["Counter[str]", int]:
    counted = connection.execute(
        "SELECT status, count(*) FROM deliveries WHERE campaign_id = %s GROUP BY status", (campaign_id,)
    ).fetchall()
    distinct = connection.execute(
        "SELECT count(DISTINCT device_id) FROM deliveries WHERE campaign_id = %s", (campaign_id,)
    )
    return Counter(dict.fromkeys(COUNTS, 0) | dict(counted)), the_row(distinct)[0]


def _counts_of_campaign(connection: Connection, campaign_id: str) -> "Counter[str]":
    columns = connection.execute(f"SELECT {', '.join(COUNTS)} FROM campaigns WHERE id = %s", (campaign_id,))
    return Counter(dict(zip(COUNTS, the_row(columns), strict=True)))


def _open_batches(connection: Connection, campaign_id: str) -> int:
    return int(
        the_row(
            connection.execute(
                "SELECT count(*) FROM batches WHERE campaign_id = %s AND status <> 'closed'", (campaign_id,)
            )
        )[0]
    )


def _tokens_by_status(connection: Connection, campaign_id: str) -> dict[str, list[str]]:
    """Of devices that still are there."""
    tokens: dict[str, list[str]] = {name: [] for name in COUNTS}
    rows = connection.execute(
        "SELECT l.status, d.token FROM deliveries l JOIN devices d ON d.id = l.device_id WHERE l.campaign_id = %s",
        (campaign_id,),
    )
    for status, token in rows:
        tokens[status].append(token)
    return tokens

"""Who was sent what: requests and accepts by token, outcomes in total, and the latest requests."""

import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple


class Request(NamedTuple):
    """One recorded request; `at` is Unix seconds when it was read."""

    at: float
    target: str
    outcome: str


class Tally:
    """Counts in memory: two dictionaries of token to count, some 300 bytes for a real token of 160 characters."""

    def __init__(self) -> None:
        self.requests: deque[Request] = deque(maxlen=0)
        self.reset()

    def reset(self) -> None:
        self.received: dict[str, int] = {}
        self.accepted: dict[str, int] = {}
        self.accepted_more_than_once: dict[str, int] = {}
        self.received_total = 0
        self.accepted_total = 0
        self.validated_total = 0
        self.first_received_at: float | None = None
        self.last_received_at: float | None = None
        self.outcomes: Counter[str] = Counter()
        self.requests.clear()

    def keep_requests(self, limit: int) -> None:
        if limit != self.requests.maxlen:
            self.requests = deque(self.requests, maxlen=limit)

    def receive(self, token: str) -> float:
        """Counts a request to a token; returns its time in Unix seconds."""
        now = time.time()
        if self.first_received_at is None:
            self.first_received_at = now
        self.last_received_at = now
        self.received_total += 1
        if token:
            self.received[token] = self.received.get(token, 0) + 1
        return now

    def accept(self, token: str) -> int:
        """Counts a delivery; returns the number of deliveries so far, which makes its message id unique."""
        self.accepted_total += 1
        if token:
            count = self.accepted.get(token, 0) + 1
            self.accepted[token] = count
            if count > 1:
                self.accepted_more_than_once[token] = count
        return self.accepted_total

    def outcome(self, name: str, at: float, target: str) -> None:
        self.outcomes[name] += 1
        if self.requests.maxlen:
            self.requests.append(Request(at, target, name))

    def missing(self, expected: Iterable[str]) -> Iterator[str]:
        """The tokens among `expected` that no message was accepted for."""
        return (token for token in expected if token not in self.accepted)

    def accepted_with_prefix(self, prefix: str) -> Iterator[str]:
        return (token for token in self.accepted if token.startswith(prefix))

    def duplicates(self, limit: int) -> dict[str, int]:
        return dict(islice(self.accepted_more_than_once.items(), limit))

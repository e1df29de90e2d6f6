"""What a worker has learnt of its batch and not yet recorded: columns, not objects, for a million go through here."""

from collections import Counter
from time import monotonic

from fanfare_shared.campaigns.retries import RetryKind
from fanfare_shared.contracts.words import Outcome

# ASCII's unit separator. Columns of text travel as one joined string, which PostgreSQL splits: 20 times cheaper for the
# sender than an array of parameters.
SEPARATOR = "\x1f"


def join_column(values: list[str]) -> str:
    """The values as one string for `string_to_array`. A separator inside a value would shift the column: it is dropped."""
    joined = SEPARATOR.join(values)
    if joined.count(SEPARATOR) >= len(values) > 0:
        joined = SEPARATOR.join(value.replace(SEPARATOR, "") for value in values)
    return joined


def join_numbers(values: list[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


class Answers:
    """Collected since the last record, then taken by the next. Accepted devices apart, for they are nearly all."""

    __slots__ = (
        "accepted_ids",
        "accepted_messages",
        "accepted_platforms",
        "accepted_users",
        "other_attempted",
        "other_codes",
        "other_digests",
        "other_ids",
        "other_messages",
        "other_outcomes",
        "other_platforms",
        "other_started",
        "other_users",
        "retry_after",
        "retry_kinds",
        "retry_positions",
    )

    def __init__(self) -> None:
        self.accepted_ids: list[int] = []
        self.accepted_users: list[str] = []
        self.accepted_platforms: list[str] = []
        self.accepted_messages: list[str] = []
        self.other_ids: list[int] = []
        self.other_users: list[str] = []
        self.other_platforms: list[str] = []
        self.other_outcomes: list[str] = []
        self.other_codes: list[str] = []
        self.other_messages: list[str] = []
        self.other_digests: list[str] = []
        self.other_started: list[float] = []
        self.other_attempted: list[int] = []
        self.retry_positions: list[int] = []
        self.retry_kinds: list[int] = []
        self.retry_after = 0

    def __len__(self) -> int:
        return len(self.accepted_ids) + len(self.other_ids) + len(self.retry_positions)

    def accept(self, device_id: int, user_id: str, platform: str, message_id: str) -> None:
        self.accepted_ids.append(device_id)
        self.accepted_users.append(user_id)
        self.accepted_platforms.append(platform)
        self.accepted_messages.append(message_id)

    def settle(
        self,
        device_id: int,
        user_id: str,
        platform: str,
        outcome: Outcome,
        code: str,
        message: str,
        *,
        digest: bytes | None = None,
        started: float | None = None,
    ) -> None:
        """Any other terminal outcome. `digest` is the dead token's; `started` the send's start on the monotonic clock,
        or None where nothing was sent.
        """
        self.other_ids.append(device_id)
        self.other_users.append(user_id)
        self.other_platforms.append(platform)
        self.other_outcomes.append(outcome.value)
        self.other_codes.append(code)
        self.other_messages.append(message[:300])
        self.other_digests.append(digest.hex() if digest else "")
        self.other_started.append(monotonic() if started is None else started)
        self.other_attempted.append(0 if started is None else 1)

    def retry(self, position: int, kind: RetryKind, retry_after: float = 0) -> None:
        """`retry_after`: seconds; the batch keeps the largest."""
        self.retry_positions.append(position)
        self.retry_kinds.append(kind.value)
        self.retry_after = max(self.retry_after, int(retry_after + 0.999))

    def other_ages(self) -> list[float]:
        """Seconds since each of the others was sent."""
        now = monotonic()
        return [now - started for started in self.other_started]

    def outcomes(self) -> Counter[str]:
        counts = Counter(self.other_outcomes)
        counts[Outcome.ACCEPTED.value] += len(self.accepted_ids)
        return counts

    def errors(self) -> Counter[str]:
        return Counter(self.other_codes)

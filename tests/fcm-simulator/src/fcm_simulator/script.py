"""The script: what the simulator is to answer. One model for the control API, its client and the server.

Wherever an outcome stands, its bare name will do: `"unregistered"` is `{"outcome": "unregistered"}`.
"""

from enum import StrEnum
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


class OutcomeName(StrEnum):
    """What becomes of one send, in FCM's words where it has one."""

    ACCEPT = "accept"
    ACCEPT_THEN_TIME_OUT = "accept_then_time_out"
    TIME_OUT = "time_out"
    UNREGISTERED = "unregistered"
    INVALID_TOKEN = "invalid_token"
    INVALID_TOKEN_FIELD = "invalid_token_field"
    INVALID_ARGUMENT = "invalid_argument"
    INVALID_PAYLOAD = "invalid_payload"
    SENDER_ID_MISMATCH = "sender_id_mismatch"
    THIRD_PARTY_AUTH_ERROR = "third_party_auth_error"
    QUOTA_EXCEEDED = "quota_exceeded"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    BAD_GATEWAY = "bad_gateway"
    PERMISSION_DENIED = "permission_denied"
    NOT_FOUND = "not_found"
    UNAUTHENTICATED = "unauthenticated"
    REDIRECT = "redirect"


class WireOutcomeName(StrEnum):
    """What becomes of one request on the fault listener; `none` goes on to the ordinary answer."""

    NONE = "none"
    GOAWAY = "goaway"
    GOAWAY_UNPROCESSED = "goaway_unprocessed"
    RST_STREAM = "rst_stream"
    REFUSED_STREAM = "refused_stream"
    DROP = "drop"
    HALF_ANSWER = "half_answer"
    TLS_CLOSE = "tls_close"


class TokenOutcomeName(StrEnum):
    """What the OAuth token endpoint does."""

    ISSUE = "issue"
    INVALID_GRANT = "invalid_grant"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"
    TIME_OUT = "time_out"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Latency(_Model):
    """Milliseconds from a request's last byte to its answer.

    `fixed` uses `ms`; `uniform` draws between `ms` and `max_ms`; `lognormal` has the median `ms` and the shape
    `sigma`, cut off at `max_ms` when that is given.
    """

    distribution: Literal["fixed", "uniform", "lognormal"] = "fixed"
    ms: float = Field(default=0, ge=0)
    max_ms: float | None = Field(default=None, ge=0)
    sigma: float = Field(default=0.5, ge=0, le=5)

    @model_validator(mode="after")
    def _uniform_has_an_upper_end(self) -> Self:
        if self.distribution == "uniform" and (self.max_ms is None or self.max_ms < self.ms):
            msg = "a uniform latency needs max_ms, at least ms"
            raise ValueError(msg)
        return self


class WeightedOutcome(_Model):
    """What outcomes have in common: `weight` says how often it is drawn from a mix."""

    weight: float = Field(default=1, gt=0)


class Outcome(WeightedOutcome):
    """One send's outcome.

    `retry_after` (seconds) adds that header. `latency` replaces the script's.
    `status` with `body` and `headers` replaces the answer by one of your own (it then counts as `outcome` does).
    """

    outcome: OutcomeName = OutcomeName.ACCEPT
    retry_after: int | None = Field(default=None, ge=0)
    latency: Latency | None = None
    status: int | None = Field(default=None, ge=200, le=599)
    headers: dict[str, str] = {}
    body: str = Field(default="", max_length=16_000)


class WireOutcome(WeightedOutcome):
    """One request's outcome on the fault listener.

    `accepted`: whether the message was accepted before the fault (it is then counted as an accept); by default
    only `half_answer`, half of a 200, has accepted it.
    """

    outcome: WireOutcomeName = WireOutcomeName.NONE
    accepted: bool | None = None

    @property
    def is_accepted(self) -> bool:
        return self.outcome is WireOutcomeName.HALF_ANSWER if self.accepted is None else self.accepted


def _named(value: Any) -> Any:
    return {"outcome": value} if isinstance(value, str) else value


def _mix(value: Any) -> Any:
    """`{"accept": 95, "internal": 5}` is the short form of a list of weighted outcomes."""
    if isinstance(value, dict):
        return [{"outcome": name, "weight": weight} for name, weight in value.items()]
    return value


OutcomeT = TypeVar("OutcomeT", bound=WeightedOutcome)
Outcomes = Annotated[list[Annotated[OutcomeT, BeforeValidator(_named)]], Field(min_length=1)]


class Pattern(_Model, Generic[OutcomeT]):
    """Outcomes for every token that begins with `prefix` and contains `contains` (at least one is given)."""

    prefix: str = ""
    contains: str = ""
    outcomes: Outcomes[OutcomeT]

    @model_validator(mode="after")
    def _says_which_tokens(self) -> Self:
        if not (self.prefix or self.contains):
            msg = "a pattern needs a prefix or a contains"
            raise ValueError(msg)
        return self


class Rules(_Model, Generic[OutcomeT]):
    """Which outcome a token gets: `tokens` first, then the first pattern that fits, then a draw from `mix`.

    A list of outcomes is used up one request at a time for each token; its last one goes on for ever.
    """

    tokens: dict[str, Outcomes[OutcomeT]] = {}
    patterns: list[Pattern[OutcomeT]] = []
    mix: Annotated[list[Annotated[OutcomeT, BeforeValidator(_named)]], BeforeValidator(_mix)] = []


class Quota(_Model):
    """Requests a project may send in any 60 s; null is without limit.

    `retry_after` (seconds) of the 429; null: the time until the window has room again.
    """

    per_minute: int | None = Field(default=None, ge=0)
    projects: dict[str, int] = {}
    retry_after: int | None = Field(default=None, ge=0)


class OAuth(_Model):
    """The token endpoint: seconds a token lives, whether sends need one, and outcomes request by request."""

    expires_in: int = Field(default=3600, ge=1)
    required: bool = True
    outcomes: list[TokenOutcomeName] = Field(default=[TokenOutcomeName.ISSUE], min_length=1)


class Wire(Rules[WireOutcome]):
    """The fault listener: its rules, and whether it listens at all (if not, connections are refused)."""

    listening: bool = True


class Script(Rules[Outcome]):
    """All that can be set. The default accepts every valid message at once.

    `topic`: outcomes of sends to a topic or condition (a validate_only probe, say). `record_requests`: how many of
    the latest requests to keep with time and outcome. `seed` makes the draws repeatable.
    """

    latency: Latency = Latency()
    topic: Outcomes[Outcome] = [Outcome()]
    quota: Quota = Quota()
    oauth: OAuth = OAuth()
    wire: Wire = Wire()
    record_requests: int = Field(default=0, ge=0, le=5_000_000)
    seed: int | None = None

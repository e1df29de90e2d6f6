"""What a rehearsal's outcome comes to, each figure beside what it was to be."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import pairwise

from bench.report import Figure
from rehearsal.load import Point, Sent
from rehearsal.pods import Moment
from rehearsal.scenario import Outcome

MS = 1000


def figures(outcome: Outcome) -> list[Figure]:
    return [*_scaling(outcome), *_rates(outcome), *_account(outcome), *_stops(outcome)]


def _scaling(outcome: Outcome) -> list[Figure]:
    autoscaler = outcome.scenario.rendered.autoscaler
    most, least = autoscaler.max_replicas, autoscaler.min_replicas
    wanted = max(moment.replicas for moment in outcome.moments)
    began, ended = outcome.backlog.sent_at, outcome.backlog.completed_at
    down = _first_down(outcome)
    reached = [moment.at for moment in outcome.moments if moment.ready == most]
    last = outcome.moments[-1].replicas
    return [
        _met("most replicas", f"{wanted}", f"{most}, the autoscaler's most", met=wanted == most),
        _seen(
            "from `send` until that many took messages",
            _time(reached[0] - began) if reached else "never",
        ),
        _met("replicas at the end", f"{last}", f"{least}, the autoscaler's least", met=last == least),
        _seen(
            "from the backlog's `completed` until the first was stopped",
            _time(down - ended),
        ),
        _seen("from the first stop until as few as at the start", _time(_back(outcome) - down)),
        _seen(
            "most messages on the queue, as Prometheus had them", f"{max(map(_value, outcome.depth), default=0):,.0f}"
        ),
        _seen(
            "syncs without a reading of the queue, which change nothing",
            f"{sum(None in sync.readings for sync in outcome.syncs)} of {len(outcome.syncs)}",
        ),
    ]


def _rates(outcome: Outcome) -> list[Figure]:
    scenario = outcome.scenario
    ideal = scenario.window / scenario.latency_ms * MS
    autoscaler = scenario.rendered.autoscaler
    least = _mean(outcome, lambda moment: moment.ready == autoscaler.min_replicas)
    most = _mean(outcome, lambda moment: moment.ready == autoscaler.max_replicas)
    return [
        _seen("window ÷ latency: the most that one connection carries", f"{ideal:,.0f} a second"),
        _seen("a bare loop with that window", f"{outcome.bare_rate:,.0f} a second"),
        _seen("the fewest workers on the backlog", f"{least:,.0f} a second, {_each(least, autoscaler.min_replicas)}"),
        _seen("the most workers on the backlog", f"{most:,.0f} a second, {_each(most, autoscaler.max_replicas)}"),
        _seen("the backlog's quota", f"{scenario.backlog.quota_per_minute / 60:,.0f} a second"),
        _seen("backlog: from `send` to `completed`", _time(outcome.backlog.completed_at - outcome.backlog.sent_at)),
    ]


def _account(outcome: Outcome) -> list[Figure]:
    return [figure for sent in (outcome.backlog, outcome.trickle) for figure in _account_of(sent)]


def _account_of(sent: Sent) -> list[Figure]:
    name, devices, account = sent.load.project, sent.load.devices, sent.account
    complete = account.accepted == account.devices == devices
    return [
        _met(f"{name}: accepted", f"{account.accepted:,}", f"{devices:,}", met=complete),
        _met(f"{name}: missed, by the simulator's count", f"{account.missed:,}", "0", met=account.missed == 0),
        _met(f"{name}: sent twice, by the simulator's count", f"{account.repeated:,}", "0", met=account.repeated == 0),
    ]


def _stops(outcome: Outcome) -> list[Figure]:
    autoscaler = outcome.scenario.rendered.autoscaler
    span = autoscaler.max_replicas - autoscaler.min_replicas
    statuses = sorted({"killed" if stop.status is None else str(stop.status) for stop in outcome.stops})
    longest = max((stop.seconds for stop in outcome.stops), default=0.0)
    grace = outcome.scenario.rendered.container.grace_seconds
    return [
        _met("workers stopped by SIGTERM", f"{len(outcome.stops)}", f"at least {span}", met=len(outcome.stops) >= span),
        _seen("of them in the middle of a batch", f"{sum(stop.sending for stop in outcome.stops)}"),
        _met("their exit statuses", ", ".join(statuses) or "none", "0", met=statuses == ["0"]),
        _met("the longest stop", f"{longest:.1f} s", f"within the grace of {grace:.0f} s", met=longest < grace),
    ]


def date(outcome: Outcome) -> str:
    return datetime.fromtimestamp(outcome.backlog.sent_at, UTC).date().isoformat()


def _met(name: str, reached: str, wanted: str, *, met: bool) -> Figure:
    return Figure(name, reached, wanted, met)


def _seen(name: str, reached: str) -> Figure:
    """What nothing was asked of."""
    return Figure(name, reached, "", met=True)


def _first_down(outcome: Outcome) -> float:
    """When fewer replicas were wanted for the first time; the end, where they never were."""
    downs = (after.at for before, after in pairwise(outcome.moments) if after.replicas < before.replicas)
    return next(downs, outcome.ended_at)


def _back(outcome: Outcome) -> float:
    """When the last replicas that were too many were no longer wanted."""
    downs = [after.at for before, after in pairwise(outcome.moments) if after.replicas < before.replicas]
    return downs[-1] if downs else outcome.ended_at


def _mean(outcome: Outcome, holds: Callable[[Moment], bool]) -> float:
    """Messages of the backlog a second, in its whole seconds during which `holds`; 0 where there are none."""
    spans = [
        (max(moment.at, outcome.backlog.sent_at), min(after.at, outcome.backlog.completed_at))
        for moment, after in pairwise([*outcome.moments, outcome.moments[-1]._replace(at=outcome.ended_at)])
        if holds(moment)
    ]
    rates = [
        point.value
        for point in _busy(outcome.backlog.rate)
        if any(start <= point.at and point.at + 1 <= end for start, end in spans)
    ]
    return sum(rates) / len(rates) if rates else 0.0


def _busy(rate: list[Point]) -> Iterable[Point]:
    """Without the first second with traffic and the last, which are no whole ones."""
    return rate[1:-1]


def _value(point: Point) -> float:
    return point.value


def _each(rate: float, replicas: int) -> str:
    return f"{rate / replicas:,.0f} each"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"

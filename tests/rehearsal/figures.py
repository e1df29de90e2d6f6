"""What a rehearsal's outcome comes to, each figure beside what it was to be."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import pairwise

from bench.report import Figure
from rehearsal.pods import Moment
from rehearsal.scenario import Outcome, Point

MS = 1000


def figures(outcome: Outcome) -> list[Figure]:
    return [*_scaling(outcome), *_rates(outcome), *_account(outcome), *_stops(outcome)]


def _scaling(outcome: Outcome) -> list[Figure]:
    autoscaler = outcome.scenario.rendered.autoscaler
    most, least = autoscaler.max_replicas, autoscaler.min_replicas
    wanted = max(moment.replicas for moment in outcome.moments)
    reached = [moment.at for moment in outcome.moments if moment.ready == most]
    last = outcome.moments[-1].replicas
    return [
        _met("most replicas", f"{wanted}", f"{most}, the autoscaler's most", met=wanted == most),
        _seen("from `send` until that many took messages", _time(reached[0] - outcome.sent_at) if reached else "never"),
        _met("replicas at the end", f"{last}", f"{least}, the autoscaler's least", met=last == least),
        _seen("from `completed` until the first was stopped", _time(_first_down(outcome) - outcome.completed_at)),
        _seen("from the first stop until as few as at the start", _time(outcome.ended_at - _first_down(outcome))),
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
        _seen("the fewest workers", f"{least:,.0f} a second, {_each(least, autoscaler.min_replicas)}"),
        _seen("the most workers", f"{most:,.0f} a second, {_each(most, autoscaler.max_replicas)}"),
        _seen("the quota", f"{scenario.quota_per_minute / 60:,.0f} a second"),
        _seen("from `send` to `completed`", _time(outcome.completed_at - outcome.sent_at)),
    ]


def _account(outcome: Outcome) -> list[Figure]:
    account = outcome.account
    return [
        _met("accepted", f"{account.accepted:,}", f"{outcome.scenario.devices:,}", met=_complete(outcome)),
        _met("missed, by the simulator's count", f"{account.missed:,}", "0", met=account.missed == 0),
        _met("sent twice, by the simulator's count", f"{account.repeated:,}", "0", met=account.repeated == 0),
    ]


def _stops(outcome: Outcome) -> list[Figure]:
    autoscaler = outcome.scenario.rendered.autoscaler
    span = autoscaler.max_replicas - autoscaler.min_replicas
    statuses = sorted({"killed" if stop.status is None else str(stop.status) for stop in outcome.stops})
    longest = max((stop.seconds for stop in outcome.stops), default=0.0)
    grace = outcome.scenario.rendered.container.grace_seconds
    return [
        _met("workers stopped by SIGTERM", f"{len(outcome.stops)}", f"at least {span}", met=len(outcome.stops) >= span),
        _met("their exit statuses", ", ".join(statuses) or "none", "0", met=statuses == ["0"]),
        _met("the longest stop", f"{longest:.1f} s", f"within the grace of {grace:.0f} s", met=longest < grace),
    ]


def date(outcome: Outcome) -> str:
    return datetime.fromtimestamp(outcome.sent_at, UTC).date().isoformat()


def _met(name: str, reached: str, wanted: str, *, met: bool) -> Figure:
    return Figure(name, reached, wanted, met)


def _seen(name: str, reached: str) -> Figure:
    """What nothing was asked of."""
    return Figure(name, reached, "", met=True)


def _complete(outcome: Outcome) -> bool:
    return outcome.account.accepted == outcome.account.devices == outcome.scenario.devices


def _first_down(outcome: Outcome) -> float:
    """When fewer replicas were wanted for the first time; the end, where they never were."""
    downs = (after.at for before, after in pairwise(outcome.moments) if after.replicas < before.replicas)
    return next(downs, outcome.ended_at)


def _mean(outcome: Outcome, holds: Callable[[Moment], bool]) -> float:
    """Messages a second in the whole seconds of the campaign during which `holds`; 0 where there are none."""
    spans = [
        (max(moment.at, outcome.sent_at), min(after.at, outcome.completed_at))
        for moment, after in pairwise([*outcome.moments, outcome.moments[-1]._replace(at=outcome.ended_at)])
        if holds(moment)
    ]
    rates = [
        point.value
        for point in _busy(outcome.rate)
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

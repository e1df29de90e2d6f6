"""What an outcome comes to, and when a rehearsal has failed."""

from dataclasses import replace

import pytest
from chaos.account import Account

from rehearsal.figures import figures
from rehearsal.load import Load, Point, Sent
from rehearsal.manifests import Rendered
from rehearsal.pods import Moment, Stop
from rehearsal.scenario import Outcome, Scenario

MOST = 3
AT = 1_000_000.0


def sent(load: Load, *, missed: int = 0, repeated: int = 0) -> Sent:
    """From AT on for 40 s: at first 1,000 a second, after 20 s 2,700."""
    account = Account({"success": load.devices}, load.devices, missed, repeated, 40)
    rate = [Point(AT + second, 1000 if second < 20 else 2700) for second in range(40)]
    return Sent(load, AT, AT + 40, account, rate)


@pytest.fixture
def outcome() -> Outcome:
    rendered = Rendered.of("push-worker-normal")
    scenario = Scenario(replace(rendered, autoscaler=rendered.autoscaler.faster(1, MOST)))
    stops = [Stop("one", sending=True, seconds=2.5, status=0), Stop("two", sending=False, seconds=1, status=0)]
    return Outcome(
        scenario=scenario,
        backlog=sent(scenario.backlog),
        trickle=sent(scenario.trickle),
        ended_at=AT + 500,
        syncs=[],
        moments=[
            Moment(AT - 10, 1, 1, 0),
            Moment(AT + 15, 3, 1, 0),
            Moment(AT + 20, 3, 3, 0),
            Moment(AT + 340, 2, 2, 1),
            Moment(AT + 400, 1, 1, 1),
            Moment(AT + 403, 1, 1, 0),
        ],
        stops=stops,
        depth=[Point(AT, 0), Point(AT + 10, 25)],
        bare_rate=1200,
    )


def reached(outcome: Outcome) -> dict[str, str]:
    return {figure.name: figure.reached for figure in figures(outcome)}


def unmet(outcome: Outcome) -> list[str]:
    return [figure.name for figure in figures(outcome) if not figure.met]


def test_rates_are_of_the_seconds_with_so_many_ready_workers(outcome: Outcome) -> None:
    found = reached(outcome)
    assert found["the fewest workers on the backlog"] == "1,000 a second, 1,000 each"
    assert found["the most workers on the backlog"] == "2,700 a second, 900 each"
    assert found["window ÷ latency: the most that one connection carries"] == "1,250 a second"


def test_times_are_of_what_was_wanted_and_when_it_was_ready(outcome: Outcome) -> None:
    found = reached(outcome)
    assert found["from `send` until that many took messages"] == "20 s"
    assert found["from the backlog's `completed` until the first was stopped"] == "5 min 00 s"
    assert found["from the first stop until as few as at the start"] == "1 min 00 s"
    assert found["most messages on the queue, as Prometheus had them"] == "25"


def test_all_is_met_where_nothing_went_wrong(outcome: Outcome) -> None:
    assert unmet(outcome) == []


def test_each_thing_that_may_go_wrong_is_not_met(outcome: Outcome) -> None:
    backlog, trickle = outcome.backlog, outcome.trickle
    few = [moment._replace(replicas=min(moment.replicas, 2), ready=min(moment.ready, 2)) for moment in outcome.moments]
    assert unmet(replace(outcome, moments=few)) == ["most replicas"]
    assert unmet(replace(outcome, moments=outcome.moments[:4])) == ["replicas at the end"]
    assert unmet(replace(outcome, backlog=sent(backlog.load, missed=1))) == [
        "backlog: missed, by the simulator's count"
    ]
    assert unmet(replace(outcome, trickle=sent(trickle.load, repeated=1))) == [
        "trickle: sent twice, by the simulator's count"
    ]
    lost = replace(backlog, account=replace(backlog.account, stats={"success": backlog.load.devices - 1}))
    assert unmet(replace(outcome, backlog=lost)) == ["backlog: accepted"]
    killed = [outcome.stops[0], Stop("two", sending=True, seconds=60.1, status=None)]
    assert unmet(replace(outcome, stops=killed)) == ["their exit statuses", "the longest stop"]
    assert unmet(replace(outcome, stops=outcome.stops[:1])) == ["workers stopped by SIGTERM"]

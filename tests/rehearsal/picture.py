"""The picture of a rehearsal: replicas, queue depth and rate, one above the other on one axis of time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rehearsal.load import Point, Sent
from rehearsal.scenario import Outcome

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: small, and to be searched
    "svg.hashsalt": "rehearsal",  # the same picture is the same file
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e2e2e2",
    "legend.frameon": False,
}
_BLUE, _ORANGE, _GREEN, _PURPLE, _GREY = "#1f6feb", "#d97706", "#2da44e", "#8250df", "#6e7781"
_RATE_SECONDS = 5


def draw(outcome: Outcome, file: Path) -> None:
    """Writes an SVG on a white ground, legible on a page of any colour."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9, 7), layout="constrained")
        replicas, depth, rate = figure.subplots(3, 1, sharex=True)
        _replicas(replicas, outcome)
        _depth(depth, outcome)
        _rate(rate, outcome)
        for axes in (replicas, depth, rate):
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
            axes.axvline(_minutes(outcome, outcome.backlog.completed_at), color=_GREY, linestyle=":", linewidth=1)
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_formatter("{x:,.0f}")
        rate.set_xlabel("minutes since the backlog was sent (dotted: it is completed)")
        rate.set_xlim(_minutes(outcome, outcome.syncs[0].at), _minutes(outcome, outcome.ended_at))
        figure.savefig(file, metadata={"Date": None, "Creator": None})


def _replicas(axes: Axes, outcome: Outcome) -> None:
    moments = outcome.moments
    times = [_minutes(outcome, moment.at) for moment in moments] + [_minutes(outcome, outcome.ended_at)]
    ready = [moment.ready for moment in moments]
    wanted = [moment.replicas for moment in moments]
    axes.fill_between(times, [*ready, ready[-1]], step="post", color=_BLUE, alpha=0.25, linewidth=0, label="ready")
    axes.step(times, [*wanted, wanted[-1]], where="post", color=_BLUE, label="wanted by the autoscaler")
    axes.set_ylabel("workers")
    axes.legend(loc="upper right")


def _depth(axes: Axes, outcome: Outcome) -> None:
    axes.plot(*_line(outcome, outcome.depth), color=_ORANGE, label="ready and unacknowledged, as Prometheus has them")
    axes.set_ylabel("messages on push.normal")
    axes.legend(loc="upper right")


def _rate(axes: Axes, outcome: Outcome) -> None:
    quota = outcome.backlog.load.quota_per_minute / 60
    axes.axhline(quota, color=_GREY, linestyle="--", linewidth=1, label="the backlog's quota")
    for sent, color in ((outcome.backlog, _GREEN), (outcome.trickle, _PURPLE)):
        label = f"{sent.load.project}, by the simulator's count"
        axes.plot(*_line(outcome, _means(sent)), color=color, label=label)
    axes.set_ylabel("messages a second")
    axes.legend(loc="upper right", bbox_to_anchor=(1, 0.95))


def _means(sent: Sent) -> list[Point]:
    """From nothing to nothing, a point every _RATE_SECONDS, in the middle of what it is the mean of."""
    parts = [sent.rate[start : start + _RATE_SECONDS] for start in range(0, len(sent.rate), _RATE_SECONDS)]
    means = [Point(part[0].at + len(part) / 2, sum(point.value for point in part) / len(part)) for part in parts]
    return [Point(sent.rate[0].at, 0), *means, Point(sent.rate[-1].at + 1, 0)]


def _line(outcome: Outcome, points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [_minutes(outcome, point.at) for point in points], [point.value for point in points]


def _minutes(outcome: Outcome, at: float) -> float:
    return (at - outcome.backlog.sent_at) / 60

"""A dashboard's JSON as Grafana reads it: its panels, and its queries with the variables filled in.

What is filled in and how: https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.prometheus import Prometheus

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards"

Series = dict[str, Any]


@dataclass(frozen=True)
class View:
    """What somebody looks at: from `start` to `end` (epoch seconds), `points` a graph at most.

    `chosen` has the values chosen of a variable; one that it lacks is at All.
    """

    start: float
    end: float
    scrape_seconds: float
    points: int = 1000
    chosen: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def interval(self) -> float:
        """$__interval, and the step of a graph."""
        return max(round((self.end - self.start) / self.points, 3), self.scrape_seconds)

    @property
    def builtins(self) -> dict[str, str]:
        """A longer name first: `$__range` begins others'."""
        rate_interval = max(self.interval + self.scrape_seconds, 4 * self.scrape_seconds)
        return {
            "__rate_interval": _duration(rate_interval),
            "__interval": _duration(self.interval),
            "__range": _duration(self.end - self.start),
        }


@dataclass(frozen=True)
class Target:
    expression: str
    legend: str
    instant: bool

    def name(self, series: Series) -> str:
        """What the legend says of a series."""
        return re.sub(r"{{\s*(\w+)\s*}}", lambda found: str(series["metric"].get(found[1], "")), self.legend)


@dataclass(frozen=True)
class Panel:
    board: "Board"
    model: dict[str, Any]

    @property
    def title(self) -> str:
        return str(self.model["title"])

    @property
    def kind(self) -> str:
        return str(self.model["type"])

    @property
    def targets(self) -> list[Target]:
        return [
            Target(target["expr"], target["legendFormat"], target["instant"])
            for target in self.model.get("targets", [])
        ]

    def ask(self, prometheus: Prometheus, view: View) -> list[tuple[Target, list[Series]]]:
        """Each query with its answer, as Prometheus gives it."""
        return [(target, self._ask(target, prometheus, view)) for target in self.targets]

    def _ask(self, target: Target, prometheus: Prometheus, view: View) -> list[Series]:
        expression = self.board.filled_in(target.expression, view)
        if target.instant:
            return prometheus.query(expression, at=view.end)
        return prometheus.query_range(expression, view.start, view.end, view.interval)


@dataclass(frozen=True)
class Board:
    name: str
    model: dict[str, Any]

    @property
    def panels(self) -> list[Panel]:
        """With queries: rows are none."""
        return [Panel(self, panel) for panel in self.model["panels"] if panel["type"] != "row"]

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [panel for panel in self.model["panels"] if panel["type"] == "row"]

    @property
    def variables(self) -> dict[str, dict[str, Any]]:
        """Those that are asked of Prometheus."""
        return {each["name"]: each for each in self.model["templating"]["list"] if each["type"] == "query"}

    def panel(self, title: str) -> Panel:
        (found,) = [panel for panel in self.panels if panel.title == title]
        return found

    def filled_in(self, expression: str, view: View) -> str:
        """Raises ValueError where something is left that Grafana would not know."""
        values = view.builtins | {name: self._value(name, view) for name in self.variables}
        filled = expression
        for name in sorted(values, key=len, reverse=True):
            filled = filled.replace(f"${name}", values[name])
        # $1 is PromQL's own, in a replacement.
        if left := re.search(r"\$(?![0-9])\{?\w+", filled):
            raise ValueError(f"{self.name}: {left[0]} is no variable in {expression}")
        return filled

    def _value(self, name: str, view: View) -> str:
        chosen = view.chosen.get(name)
        if chosen is None:
            return str(self.variables[name]["allValue"])
        escaped = [re.sub(r"[$^*{}\[\]'+?.()|\\]", r"\\\\\g<0>", value) for value in chosen]
        return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"

    def options(self, name: str, prometheus: Prometheus) -> list[str]:
        """What the variable's list offers."""
        query = self.variables[name]["query"]["query"]
        found = re.fullmatch(r"label_values\((?P<selector>.+), (?P<label>\w+)\)", query)
        if found is None:
            raise ValueError(f"{self.name}: {query} is not label_values(selector, label)")
        return prometheus.label_values(found["label"], found["selector"])


def boards() -> Iterator[Board]:
    """Every dashboard that is committed."""
    for file in sorted(FOLDER.glob("*.json")):
        yield Board(file.stem, json.loads(file.read_text()))


def board(name: str) -> Board:
    return Board(name, json.loads((FOLDER / f"{name}.json").read_text()))


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"

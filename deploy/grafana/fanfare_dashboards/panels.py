"""Fanfare's panels and the frame that its dashboards share, so that every one has a unit, a description and our colours."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import yaml
from grafana_foundation_sdk.builders import bargauge, stat, timeseries
from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
)
from grafana_foundation_sdk.builders.common import VizTooltipOptions as Tooltip
from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    FieldColor,
    QueryVariable,
    ThresholdsConfig,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from fanfare_dashboards.queries import QUANTILES, VHOST, quantile

TAG = "fanfare"
Colours = dict[str, str]
"""By a series' name, where it means the same wherever it is shown; the others have Grafana's palette."""

OUTCOMES: Colours = {
    "accepted": "green",
    "succeeded": "green",
    "delivered": "green",
    "invalid_token": "yellow",
    "expired": "purple",
    "unknown": "orange",
    "cancelled": "gray",
    "failed": "red",
    "given_up": "red",
}
STATUSES: Colours = {"processing": "green", "scheduled": "blue", "paused": "orange", "cancelling": "gray"}
CLASSES: Colours = {"2xx": "green", "3xx": "blue", "4xx": "yellow", "5xx": "red"}
_LEVELS: Colours = {"p50": "green", "p95": "yellow", "p99": "red"}

_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_RULES = Path(__file__).parents[2] / "prometheus" / "rules"
_LABEL_VALUES = 1  # how the query editor of Grafana's Prometheus data source marks a query for label_values

Steps = dict[float, str]
Queries = dict[str, str]
"""From a legend, in which Grafana fills in `{{label}}`, to the expression."""


def runbook(*alerts: str) -> str:
    """Where to read what to do, as the alert rules have it. Raises KeyError for an alert that no rule is."""
    lines = [f"Alert {alert}: {_runbooks()[alert]}" for alert in alerts]
    return "\n\n" + "\n\n".join(lines)


@cache
def _runbooks() -> dict[str, str]:
    files = [yaml.safe_load(file.read_text()) for file in sorted(_RULES.glob("*.yml"))]
    rules = [rule for file in files for group in file["groups"] for rule in group["rules"]]
    return {rule["alert"]: rule["annotations"]["runbook"] for rule in rules if "alert" in rule}


def number(
    title: str, description: str, queries: str | Queries, unit: str, *, steps: Steps | None = None, width: int = 6
) -> stat.Panel:
    """A number to be seen from across the room, in the colour of the highest of `steps` that it has reached."""
    asked = {"": queries} if isinstance(queries, str) else queries
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .datasource(_SOURCE)
        .height(4)
        .span(width)
        .graph_mode(BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.BACKGROUND if steps else BigValueColorMode.VALUE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .thresholds(_thresholds(steps or {}))
        .color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .no_value("no data")
    )
    return panel.targets([_target(legend, expr, ref).instant() for legend, expr, ref in _lettered(asked)])


def bars(
    title: str, description: str, legend: str, expr: str, unit: str, *, colours: Colours | None = None, width: int = 12
) -> bargauge.Panel:
    """A bar a series, of its value now."""
    panel = (
        bargauge.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .min(0)
        .datasource(_SOURCE)
        .height(8)
        .span(width)
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .thresholds(_thresholds({}))
        .color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .no_value("0")
        .with_target(_target(legend, expr, "A").instant())
    )
    for name, colour in (colours or {}).items():
        panel.override_by_name(name, _fixed(colour))
    return panel


def graph(
    title: str,
    description: str,
    queries: Queries,
    unit: str,
    *,
    stacked: bool = False,
    steps: Steps | None = None,
    top: float | None = None,
    colours: Colours | None = None,
    width: int = 12,
) -> timeseries.Panel:
    """Lines over time from 0 up; `steps` are drawn as thresholds, `top` is the axis' upper end."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .min(0)
        .datasource(_SOURCE)
        .height(8)
        .span(width)
        .line_width(1)
        .fill_opacity(60 if stacked else 0)
        .show_points(VisibilityMode.AUTO)
        .color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .tooltip(Tooltip().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .legend(
            VizLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.RIGHT)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
            .sort_by("Max")
            .sort_desc(True)
        )
        .thresholds(_thresholds(steps or {}))
    )
    if top is not None:
        panel.axis_soft_max(top)
    if stacked:
        panel.stacking(StackingConfig().mode(StackingMode.NORMAL).group("A"))
    if steps:
        panel.thresholds_style(GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))
    for name, colour in (colours or {}).items():
        panel.override_by_name(name, _fixed(colour))
    return panel.targets([_target(legend, expr, ref).range() for legend, expr, ref in _lettered(queries)])


def durations(
    title: str, description: str, histogram: str, *matchers: str, steps: Steps | None = None, width: int = 12
) -> timeseries.Panel:
    """How long half, most and nearly all of something took."""
    queries = {name: quantile(level, histogram, *matchers) for name, level in QUANTILES.items()}
    return graph(title, description, queries, "s", steps=steps, colours=_LEVELS, width=width)


def app_variable(*, shown: bool = True) -> QueryVariable:
    """Apps as the orchestrator has them, so that one which cannot send at all can be chosen too. Where no panel depends on
    it, it is there to outlast a visit: links between the dashboards carry it.
    """
    variable = label_variable("app", "App", "label_values(fanfare_app_quota_per_minute, app)")
    return variable if shown else variable.hide(VariableHide.HIDE_VARIABLE)


def queue_variable() -> QueryVariable:
    return label_variable("queue", "Queue", f'label_values(rabbitmq_detailed_queue_messages{{vhost="{VHOST}"}}, queue)')


def label_variable(name: str, label: str, query: str, *, everything: str = ".+") -> QueryVariable:
    """All unless some are chosen. All is a regular expression: it also has what comes later, and keeps the address short."""
    return (
        QueryVariable(name)
        .label(label)
        .query({"qryType": _LABEL_VALUES, "query": query, "refId": name})
        .datasource(_SOURCE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(everything)
        .current(VariableOption(text=["All"], value=["$__all"]))
    )


def framed(uid: str, title: str, description: str, variables: Sequence[QueryVariable]) -> Dashboard:
    """A dashboard without panels yet; its links lead to the others, with the time and the variables."""
    others = (
        DashboardLink("Fanfare")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .include_vars(True)
        .keep_time(True)
        .as_dropdown(False)
    )
    source = (
        DatasourceVariable("datasource")
        .label("Data source")
        .type("prometheus")
        .current(VariableOption(text="Prometheus", value="prometheus"))
    )
    return (
        Dashboard(f"Fanfare: {title}")
        .uid(uid)
        .description(description)
        .tags([TAG])
        .editable()
        .timezone("browser")
        .time("now-1h", "now")
        .refresh("30s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .links([others])
        .variables([source, *variables])
    )


def _target(legend: str, expr: str, ref: str) -> Dataquery:
    return Dataquery().expr(expr).legend_format(legend).ref_id(ref).datasource(_SOURCE)


def _lettered(queries: Queries) -> list[tuple[str, str, str]]:
    return [(legend, expr, chr(ord("A") + index)) for index, (legend, expr) in enumerate(queries.items())]


def _thresholds(steps: Steps) -> ThresholdsConfig:
    above = [Threshold(value=value, color=colour) for value, colour in sorted(steps.items())]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(value=None, color="green"), *above])


def _fixed(colour: str) -> list[DynamicConfigValue]:
    return [DynamicConfigValue(id_val="color", value={"mode": FieldColorModeId.FIXED, "fixedColor": colour})]

"""Draws a dashboard from Prometheus' answers: its panels where Grafana puts them, with titles, units, colours and legends.

It is no Grafana: just what our panels use, in Grafana's light theme.
"""

import hashlib
import io
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dashboards.grafana import Board, Panel, Series, View
from dashboards.units import scale, written
from harness.prometheus import Prometheus

DIGEST = "fanfare-dashboard"
"""The picture's text field that says of which panels it is."""

_DPI = 100
_COLUMN, _ROW, _GAP = 66, 38, 8  # pixels
_GROUND, _PAPER, _INK, _PALE = "#f4f5f5", "#ffffff", "#24292e", "#70757a"
_NAMED = {
    "green": "#56a64b",
    "yellow": "#e0b400",
    "red": "#e02f44",
    "blue": "#3274d9",
    "orange": "#ff780a",
    "purple": "#a352cc",
    "gray": "#8e8e8e",
}
# https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/utils/namedColorsPalette.ts: the classic palette
_PALETTE = (
    *("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0", "#508642", "#cca300"),
    *("#447ebc", "#c15c17"),
)
_LEGEND_ROWS = 9
_LEGEND_LETTERS = 22

Line = tuple[str, list[float], list[float]]
"""Name, times (epoch seconds), values."""


def draw(board: Board, prometheus: Prometheus, view: View, file: Path) -> None:
    """Writes a PNG that says of which panels it is."""
    models = board.model["panels"]
    height = max(model["gridPos"]["y"] + model["gridPos"]["h"] for model in models) * _ROW + _GAP
    width = 24 * _COLUMN + _GAP
    with mpl.rc_context({"font.size": 8, "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor=_GROUND)
        for model in models:
            place = model["gridPos"]
            left, top = place["x"] * _COLUMN + _GAP, place["y"] * _ROW + _GAP
            right, bottom = left + place["w"] * _COLUMN - _GAP, top + place["h"] * _ROW - _GAP
            if model["type"] == "row":
                figure.text(
                    left / width, 1 - (top + bottom) / 2 / height, f"⌄ {model['title']}", fontsize=10, va="center"
                )
                continue
            corners = (left / width, 1 - bottom / height, (right - left) / width, (bottom - top) / height)
            _panel(figure, corners, Panel(board, model), prometheus, view)
        _save(figure, file, digest(board))


def digest(board: Board) -> str:
    """Of what a picture shows of a dashboard: another one is due when it changes."""
    shown = [
        (panel.title, panel.kind, panel.model["gridPos"], panel.model["fieldConfig"], panel.model["targets"])
        for panel in board.panels
    ]
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def _save(figure: Figure, file: Path, text: str) -> None:
    """In 256 colours, which is a third of the bytes."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_DPI, facecolor=_GROUND)
    note = PngInfo()
    note.add_text(DIGEST, text)
    Image.open(drawn).convert("RGB").quantize(256).save(file, optimize=True, pnginfo=note)


def _panel(figure: Figure, corners: Any, panel: Panel, prometheus: Prometheus, view: View) -> None:
    frame = figure.add_axes(corners)
    frame.set_axis_off()
    frame.set_xlim(0, 1)
    frame.set_ylim(0, 1)
    answers = panel.ask(prometheus, view)
    lines = sorted(
        (_line(target.name(series), series) for target, answer in answers for series in answer),
        key=lambda line: line[0],
    )
    kinds: Mapping[str, Callable[[Figure, Axes, Any, Panel, list[Line], View], None]] = {
        "stat": _stat,
        "bargauge": _bars,
        "timeseries": _graph,
    }
    kinds[panel.kind](figure, frame, corners, panel, lines, view)


def _line(name: str, series: Series) -> Line:
    points = series.get("values") or [series["value"]]
    return name, [float(at) for at, _ in points], [float(value) for _, value in points]


def _stat(figure: Figure, frame: Axes, corners: Any, panel: Panel, lines: list[Line], view: View) -> None:
    filled = panel.model["options"]["colorMode"] == "background"
    unit = panel.model["fieldConfig"]["defaults"]["unit"]
    values = [(name, values[-1]) for name, _, values in lines]
    worst = max((value for _, value in values), default=0.0)
    _paper(frame, _threshold(panel, worst) if filled else _PAPER)
    _title(frame, panel, "#ffffff" if filled else _INK)
    for index, (name, value) in enumerate(values):
        middle = (index + 0.5) / len(values)
        ink = "#ffffff" if filled else _threshold(panel, value)
        frame.text(middle, 0.42, written(value, unit), fontsize=20, weight="bold", color=ink, ha="center", va="center")
        frame.text(middle, 0.13, name, fontsize=8, color=ink, ha="center", va="center")


def _bars(figure: Figure, frame: Axes, corners: Any, panel: Panel, lines: list[Line], view: View) -> None:
    _paper(frame, _PAPER)
    _title(frame, panel, _INK)
    unit = panel.model["fieldConfig"]["defaults"]["unit"]
    most = max((values[-1] for _, _, values in lines), default=0.0) or 1.0
    colours = _colours(panel, [name for name, _, _ in lines])
    step = min(0.8 / max(len(lines), 1), 0.2)
    for index, (name, _, values) in enumerate(lines):
        middle = 0.84 - (index + 0.5) * step
        frame.text(0.29, middle, name, ha="right", va="center", color=_INK)
        frame.add_patch(Rectangle((0.3, middle - step * 0.35), 0.55, step * 0.7, color="#e9edf2", linewidth=0))
        share = values[-1] / most
        frame.add_patch(
            Rectangle((0.3, middle - step * 0.35), 0.55 * share, step * 0.7, color=colours[name], linewidth=0)
        )
        frame.text(0.98, middle, written(values[-1], unit), ha="right", va="center", weight="bold", color=colours[name])


def _graph(figure: Figure, frame: Axes, corners: Any, panel: Panel, lines: list[Line], view: View) -> None:
    _paper(frame, _PAPER)
    _title(frame, panel, _INK)
    left, bottom, width, height = corners
    narrow = panel.model["gridPos"]["w"] < 12
    plot = 0.5 if narrow else 0.58
    margin = 0.16 if narrow else 0.1
    axes = figure.add_axes((left + margin * width, bottom + 0.13 * height, (plot - margin) * width, 0.72 * height))
    unit = panel.model["fieldConfig"]["defaults"]["unit"]
    custom = panel.model["fieldConfig"]["defaults"]["custom"]
    colours = _colours(panel, [name for name, _, _ in lines])
    if custom.get("stacking", {}).get("mode") == "normal":
        _stack(axes, lines, colours)
    else:
        for name, times, values in lines:
            axes.plot(times, values, color=colours[name], linewidth=1.2)
    axes.set_ylim(bottom=0, top=max(axes.get_ylim()[1], custom.get("axisSoftMax", 0)) or 1)
    for step in panel.model["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]:
        if step["value"] <= axes.get_ylim()[1]:
            axes.axhline(step["value"], color=_NAMED[step["color"]], linestyle="--", linewidth=1)
    axes.set_facecolor(_PAPER)
    axes.grid(color="#e4e7eb", linewidth=0.7)
    axes.tick_params(length=0, labelsize=7, colors=_PALE)
    axes.set_yticks(_steps(axes.get_ylim()[1], unit))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: written(value, unit)))
    axes.set_xticks(_ticks(view, 3 if narrow else 5))
    axes.set_xlim(view.start, view.end)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"))
    for side in axes.spines.values():
        side.set_visible(False)
    _legend(frame, lines, colours, unit, plot + 0.03)


def _stack(axes: Axes, lines: list[Line], colours: Mapping[str, str]) -> None:
    times = sorted({at for _, ats, _ in lines for at in ats})
    below = dict.fromkeys(times, 0.0)
    for name, ats, values in lines:
        if not any(values):
            continue
        of = {at: value for at, value in zip(ats, values, strict=True) if not math.isnan(value)}
        above = {at: below[at] + of.get(at, 0.0) for at in times}
        axes.fill_between(
            times, list(below.values()), list(above.values()), color=colours[name], alpha=0.6, linewidth=0
        )
        axes.plot(times, list(above.values()), color=colours[name], linewidth=0.8)
        below = above


def _steps(top: float, unit: str) -> list[float]:
    """Round numbers from 0 up to `top`, as they are written."""
    divisor = scale(top, unit)
    steps = MaxNLocator(4, integer=unit == "short", min_n_ticks=2).tick_values(0, top / divisor)
    return [float(step) * divisor for step in steps if step * divisor <= top]


def _ticks(view: View, number: int) -> list[float]:
    """At most so many round moments."""
    for step in (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600):
        if (view.end - view.start) / step <= number:
            break
    first = math.ceil(view.start / step)
    return [moment * step for moment in range(first, math.floor(view.end / step) + 1)]


def _legend(frame: Axes, lines: list[Line], colours: Mapping[str, str], unit: str, left: float) -> None:
    """A table: name, last value, largest. The largest decides the order."""
    rows = [(name, [value for value in values if not math.isnan(value)]) for name, _, values in lines]
    rows = sorted(((name, values) for name, values in rows if values), key=lambda row: max(row[1]), reverse=True)
    for column, title in ((0.86, "Last *"), (0.985, "Max")):
        frame.text(column, 0.83, title, fontsize=7, color=_NAMED["blue"], ha="right", va="center")
    for index, (name, values) in enumerate(rows[:_LEGEND_ROWS]):
        height = 0.75 - index * 0.078
        frame.plot([left, left + 0.015], [height, height], color=colours[name], linewidth=3)
        frame.text(left + 0.025, height, _shortened(name), fontsize=7, va="center", color=_INK)
        frame.text(0.86, height, written(values[-1], unit), fontsize=7, va="center", ha="right", color=_INK)
        frame.text(0.985, height, written(max(values), unit), fontsize=7, va="center", ha="right", color=_INK)
    if len(rows) > _LEGEND_ROWS:
        frame.text(
            left + 0.025, 0.75 - _LEGEND_ROWS * 0.078, f"{len(rows) - _LEGEND_ROWS} more", fontsize=7, color=_PALE
        )


def _shortened(name: str) -> str:
    return name if len(name) <= _LEGEND_LETTERS else f"{name[: _LEGEND_LETTERS - 1]}…"


def _colours(panel: Panel, names: list[str]) -> dict[str, str]:
    fixed = {
        override["matcher"]["options"]: _NAMED[override["properties"][0]["value"]["fixedColor"]]
        for override in panel.model["fieldConfig"]["overrides"]
    }
    palette = cycle(_PALETTE)
    return {name: fixed.get(name) or next(palette) for name in names}


def _threshold(panel: Panel, value: float) -> str:
    """The colour of the highest step that the value has reached."""
    steps = panel.model["fieldConfig"]["defaults"]["thresholds"]["steps"]
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return _NAMED[reached[-1]]


def _paper(frame: Axes, colour: str) -> None:
    frame.add_patch(FancyBboxPatch((0, 0), 1, 1, boxstyle="square,pad=0", facecolor=colour, edgecolor="#dcdfe3"))


def _title(frame: Axes, panel: Panel, colour: str) -> None:
    high = panel.model["gridPos"]["h"] * _ROW - _GAP
    frame.text(0.015, 1 - 14 / high, panel.title, fontsize=9, weight="bold", color=colour, va="center")

"""Numbers as Grafana writes them, for the units that the dashboards use."""

_Steps = list[tuple[float, str]]

_RATE: _Steps = [(1e3, "K"), (1.0, "")]
_UNITS: dict[str, tuple[_Steps, str]] = {
    "percentunit": ([(0.01, "%")], ""),
    "short": ([(1e9, " Bil"), (1e6, " Mil"), (1e3, " K"), (1.0, "")], ""),
    "s": ([(3600.0, " hour"), (60.0, " min"), (1.0, " s"), (1e-3, " ms"), (1e-6, " µs")], ""),
    "bytes": ([(2.0**30, " GiB"), (2.0**20, " MiB"), (2.0**10, " KiB"), (1.0, " B")], ""),
    "ops": (_RATE, " ops/s"),
    "reqps": (_RATE, " req/s"),
}


def written(value: float, unit: str) -> str:
    """With three digits that matter. Raises KeyError for a unit that no dashboard used so far."""
    divisor, prefix = _step(value, unit)
    scaled = value / divisor
    digits = f"{scaled:.0f}" if abs(scaled) >= 100 or scaled == round(scaled) else f"{scaled:.3g}"
    return f"{digits}{prefix}{_UNITS[unit][1]}"


def scale(value: float, unit: str) -> float:
    """What the number is divided by before it is written."""
    return _step(value, unit)[0]


def _step(value: float, unit: str) -> tuple[float, str]:
    """The largest that the value reaches, that of whole things for 0, else the least."""
    steps = _UNITS[unit][0]
    reached = [step for step in steps if abs(value) >= step[0]] if value else [step for step in steps if step[0] == 1.0]
    return (reached or steps[-1:])[0]

"""docs/metrics.md says what is true of the code, and alert rules and dashboards use only what it lists."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.metrics_table import LABELS, SERVED_BY, definitions, labels_table, table

_PAGE = "docs/metrics.md"


@pytest.fixture
def page(pytestconfig: pytest.Config) -> str:
    return (pytestconfig.rootpath / _PAGE).read_text()


def test_the_tables_are_those_of_the_code(page: str) -> None:
    assert table() in page, f"{_PAGE} is not what PYTHONPATH=tests python -m harness.metrics_table prints"
    assert labels_table() in page, f"{_PAGE} is not what PYTHONPATH=tests python -m harness.metrics_table prints"


def test_every_metric_has_its_services_and_every_label_its_values() -> None:
    assert SERVED_BY.keys() == definitions().keys()
    labelled = {name: set(metric.labels) for name, metric in definitions().items() if metric.labels}
    assert {name: set(labels) for name, labels in LABELS.items()} == labelled


def test_metrics_are_defined_in_one_module(pytestconfig: pytest.Config) -> None:
    """So the catalogue misses none."""
    defined = re.compile(r"\b(?:Counter|Gauge|Histogram|Summary|Info|Enum)(?:MetricFamily)?\(\s*[\"']")
    sources = [
        path for folder in ("services", "shared") for path in (pytestconfig.rootpath / folder).rglob("src/**/*.py")
    ]
    assert sources
    found = {path.name for path in sources if defined.search(path.read_text())}
    assert found == {"metrics.py"}
    assert [path for path in sources if path.name == "metrics.py" and defined.search(path.read_text())] == [
        pytestconfig.rootpath / "shared/src/fanfare_shared/metrics.py"
    ]


def test_alert_rules_and_dashboards_use_only_metrics_of_the_catalogue(pytestconfig: pytest.Config) -> None:
    unknown = {
        f"{path.name}: {name}" for path, name in _used(pytestconfig.rootpath) if _family(name) not in definitions()
    }
    assert unknown == set()


def _used(root: Path) -> Iterator[tuple[Path, str]]:
    for path in (root / "deploy" / "prometheus" / "rules").glob("*.yml"):
        yield from ((path, name) for name in re.findall(r"\bfanfare_[a-z_]+", path.read_text()))
    for path in (root / "deploy" / "grafana").rglob("*.json"):
        yield from ((path, name) for name in re.findall(r"\bfanfare_[a-z_]+", json.dumps(json.loads(path.read_text()))))


def _family(name: str) -> str:
    """What the catalogue calls it."""
    return re.sub(r"_(?:bucket|sum|count)$", "", name)

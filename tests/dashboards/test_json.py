"""What each dashboard's JSON must be for Grafana to load it and for people to find their way."""

import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.grafana import FOLDER, Board, Panel, boards

BOARDS = list(boards())
PANELS = [panel for board in BOARDS for panel in board.panels]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
UNITS = {"short", "percentunit", "s", "ops", "reqps", "bytes"}


def each_board(function: Any) -> Any:
    return pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)(function)


def each_panel(function: Any) -> Any:
    return pytest.mark.parametrize("panel", PANELS, ids=lambda panel: f"{panel.board.name}: {panel.title}")(function)


def test_the_committed_dashboards_are_what_make_dashboards_writes(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    source = pytestconfig.rootpath / "deploy" / "grafana"
    command = [sys.executable, "-m", "fanfare_dashboards", str(tmp_path)]
    subprocess.run(command, check=True, env={"PYTHONPATH": str(source)})
    written = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert written.keys() == {"fleet.json", "campaign.json", "images.json", "queues.json"}
    assert {file.name: file.read_text() for file in FOLDER.iterdir()} == written, "run make dashboards"


def test_kubernetes_gets_a_config_map_of_each(pytestconfig: pytest.Config) -> None:
    """Each small enough for the annotation in which kubectl apply keeps a copy: 256 KiB for all of an object's."""
    kustomization = yaml.safe_load((pytestconfig.rootpath / "deploy" / "grafana" / "kustomization.yaml").read_text())
    maps = {each["name"]: each["files"] for each in kustomization["configMapGenerator"]}
    assert maps == {f"grafana-dashboard-{board.name}": [f"dashboards/{board.name}.json"] for board in BOARDS}
    assert kustomization["generatorOptions"]["labels"] == {"grafana_dashboard": "1"}
    assert max(file.stat().st_size for file in FOLDER.iterdir()) < 200 * 1024


@each_board
def test_a_dashboard_has_a_fixed_address_and_is_found_by_its_tag(board: Board) -> None:
    assert board.model["uid"] == f"fanfare-{board.name}"
    assert board.model["schemaVersion"] >= 41
    assert board.model.get("id") is None, "an id is of one Grafana's database"
    assert board.model["tags"] == ["fanfare"]
    assert board.model["description"]
    (link,) = board.model["links"]
    assert (link["type"], link["tags"], link["includeVars"], link["keepTime"]) == (
        "dashboards",
        ["fanfare"],
        True,
        True,
    )


@each_board
def test_the_data_source_and_the_apps_can_be_chosen(board: Board) -> None:
    source, *others = board.model["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    assert "app" in board.variables
    for variable in others:
        assert variable["datasource"] == SOURCE
        assert (variable["includeAll"], variable["multi"]) == (True, True)
        assert variable["allValue"], "All would be an alternation of what there is now"
    shown = {variable["name"] for variable in others if variable.get("hide", 0) == 0}
    used = {name for name in board.variables for panel in board.panels if _uses(panel, name)}
    assert shown == used, "a variable is shown where a panel depends on it"


@each_board
def test_panels_lie_side_by_side_and_their_ids_and_titles_are_their_own(board: Board) -> None:
    models = board.model["panels"]
    assert len({model["id"] for model in models}) == len(models)
    assert len({panel.title for panel in board.panels}) == len(board.panels)
    assert board.rows[0]["title"] == "Is all well?"
    assert models[0]["type"] == "row"
    for model in models:
        place = model["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
    for one, other in combinations(models, 2):
        assert not _overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"])


@each_panel
def test_a_panel_says_what_it_shows_and_in_which_unit(panel: Panel) -> None:
    assert len(panel.model["description"]) > 15
    defaults = panel.model["fieldConfig"]["defaults"]
    assert defaults["unit"] in UNITS
    assert defaults["thresholds"]["steps"][0] == {"color": "green", "value": None}
    assert panel.kind in {"stat", "timeseries", "bargauge"}


@each_panel
def test_a_panel_asks_the_chosen_data_source_and_names_what_it_draws(panel: Panel) -> None:
    assert panel.model["datasource"] == SOURCE
    targets = panel.model["targets"]
    assert targets
    assert len({target["refId"] for target in targets}) == len(targets)
    for target in targets:
        assert target["datasource"] == SOURCE
        assert target["range"] is not target["instant"]
        assert target["instant"] is (panel.kind != "timeseries")
        assert target["legendFormat"] or (panel.kind == "stat" and len(targets) == 1)


@each_panel
def test_a_panel_sends_to_runbooks_that_alerts_send_to_as_well(panel: Panel, pytestconfig: pytest.Config) -> None:
    rules = pytestconfig.rootpath / "deploy" / "prometheus" / "rules"
    known = {path for file in rules.glob("*.yml") for path in re.findall(r"runbook: (\S+)", file.read_text())}
    named = set(re.findall(r"docs/runbooks/\S+#\S+", panel.model["description"]))
    assert named <= known


def _uses(panel: Panel, variable: str) -> bool:
    return any(re.search(rf"\${variable}\b", target.expression) for target in panel.targets)


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    across = one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"]
    return across and one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"]

"""The runbooks' commands can be given: their shell runs, with every program but psql noted instead of started."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi import FastAPI

from fanfare_api.app import ROUTERS
from fanfare_native import programs
from fanfare_shared.ids import uuid7
from fanfare_shared.settings import DatabaseSettings
from harness import kustomize
from harness.alert_rules import alerts
from harness.fleet import ROOT
from harness.metrics_table import definitions
from harness.runbooks import PAGES, Block, anchors, blocks, inline_code, links

# What a runbook may start, apart from bash's own words. `ledger` is psql on the ledger, and is really run.
_NOTED = ("make", "kubectl", "docker", "curl", "openssl", "grep", "fanfare-probe", "fanfare-migrate")
_STUBS = "\n".join(
    [
        "note() { local IFS=$'\\x1f'; printf '%s\\x1e' \"$*\" >>\"$CALLS\"; }",
        *(f'{name}() {{ note {name} "$@"; }}' for name in _NOTED),
        """api() { note api "$@"; echo '{"task_id": "7"}'; }""",
        'ledger() { psql "$LEDGER" -v ON_ERROR_STOP=1 --quiet "$@" >/dev/null; }',
    ]
)

Call = list[str]
Run = Callable[[str], list[Call]]


@pytest.fixture
def run(tmp_path: Path, database_settings: DatabaseSettings) -> Run:
    """Runs lines of shell; the noted calls, each with its arguments."""
    for name in ("service-account.json", "restored-cluster.yaml"):
        (tmp_path / name).write_text("{}")
    programs.ensure(programs.POSTGRESQL)  # brings psql
    calls = tmp_path / "calls"
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "CALLS": str(calls),
        "LEDGER": database_settings.database_url.get_secret_value(),
        "FANFARE_API_URL": "http://127.0.0.1:9",
        "FANFARE_DATABASE_URL": "postgresql://127.0.0.1:9/fanfare",
        "BACKUP": "ledger.dump",
        **{name: str(uuid7()) for name in ("ID", "APP", "KEY", "LETTER", "TASK")},
    }

    def run(lines: str) -> list[Call]:
        calls.write_text("")
        done = subprocess.run(
            ["bash", "-euc", f"{_STUBS}\n{lines}"],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, ""), f"{lines}\n{done.stderr}"
        return [call.split("\x1f") for call in calls.read_text().split("\x1e") if call]

    return run


def is_run(block: Block) -> bool:
    """The index's blocks define what the others use; those with a name are run for what they do, in tests/backup."""
    return not block.name and block.page != "README.md" and "psql" not in block.text


@pytest.fixture(scope="session")
def operations() -> list[tuple[str, re.Pattern[str], set[str]]]:
    """Method, path as a pattern, and the query's parameters, of what the api has."""
    app = FastAPI()
    for router in ROUTERS:
        app.include_router(router)
    return [
        (
            method.upper(),
            re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)),
            {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"},
        )
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
    ]


@pytest.fixture(scope="session")
def deployed() -> set[str]:
    """`deploy/<name>` and the like of what is applied in production."""
    manifests = kustomize.render(kustomize.MANIFESTS / "overlays" / "production")
    kinds = {"Deployment": "deploy", "HorizontalPodAutoscaler": "hpa", "Service": "service"}
    return {f"{kinds[each['kind']]}/{each['metadata']['name']}" for each in manifests if each["kind"] in kinds}


def check_api_call(call: Call, operations: list[tuple[str, re.Pattern[str], set[str]]]) -> None:
    path, _, query = call[1].partition("?")
    method = call[call.index("-X") + 1] if "-X" in call else "GET"
    taken = [
        parameters for verb, pattern, parameters in operations if verb == method and pattern.fullmatch(f"/v1{path}")
    ]
    assert taken, f"{method} {path}"
    assert {part.partition("=")[0] for part in query.split("&") if part} <= set().union(*taken), call[1]
    if "-d" in call:
        assert isinstance(json.loads(call[call.index("-d") + 1]), dict)


def test_every_block_is_shell() -> None:
    for block in blocks("sh"):
        done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block}: {done.stderr}"


@pytest.mark.parametrize("block", [block for block in blocks("sh") if is_run(block)], ids=str)
def test_what_a_block_calls_is_there(
    block: Block, run: Run, operations: list[tuple[str, re.Pattern[str], set[str]]], deployed: set[str]
) -> None:
    for call in run(block.text):
        if call[0] == "api":
            check_api_call(call, operations)
        elif call[0] == "make":
            assert call[1] in make_targets()
        elif call[0] == "kubectl":
            names = {word for word in call if re.fullmatch(r"(deploy|service)/[\w-]+", word)}
            names |= {f"{kind}/{call[call.index(kind) + 1]}" for kind in ("hpa",) if kind in call}
            assert names <= deployed, call


def test_what_stands_in_a_sentence_is_there(run: Run, operations: list[tuple[str, re.Pattern[str], set[str]]]) -> None:
    found = [code for page in PAGES for code in inline_code(page)]
    requests = [code for code in found if code.startswith("api ")]
    assert len(requests) > 10
    for code in requests:
        for call in run(code):
            check_api_call(call, operations)
    made = {code.split()[1] for code in found if code.startswith("make ")}
    assert made <= make_targets()


def test_every_metric_of_a_runbook_is_in_the_catalogue() -> None:
    named = {name for page in PAGES for name in re.findall(r"\bfanfare_[a-z_]+", page.read_text())}
    # Names of databases, which only look alike.
    named -= {"fanfare_restored", "fanfare_before"}
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in named} <= definitions().keys()


def test_every_setting_of_a_runbook_is_in_the_readme() -> None:
    named = {name for page in PAGES for name in re.findall(r"\bFANFARE_[A-Z_]+", page.read_text())}
    assert named
    readme = (ROOT / "README.md").read_text()
    assert {name for name in named if name not in readme} == set()


def test_every_program_of_ours_that_a_runbook_names_is_installed() -> None:
    named = {
        name
        for page in PAGES
        for name in re.findall(r"\bfanfare-(?:api|migrate|probe|[a-z]+-worker)\b", page.read_text())
    }
    assert named
    assert {name for name in named if not (ROOT / ".venv/bin" / name).exists()} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page: Path) -> None:
    for file, anchor in links(page):
        assert file.exists(), file
        assert not anchor or anchor in anchors(file), f"{file.name}#{anchor}"


def test_the_index_lists_every_alert_with_its_severity_and_place() -> None:
    index = (ROOT / "docs/runbooks/README.md").read_text()
    listed = set(re.findall(r"^\| \[(\w+)\]\(([^)]+)\) \| (\w+) \|", index, re.MULTILINE))
    assert listed == {
        (alert.name, alert.annotations["runbook"].removeprefix("docs/runbooks/"), alert.labels["severity"])
        for alert in alerts()
    }


def test_the_index_leads_to_every_page() -> None:
    index = ROOT / "docs/runbooks/README.md"
    assert {file for file, _ in links(index)} >= set(PAGES) - {index}


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_cluster_that_is_restored_differs_from_the_one_that_is_deployed_in_what_it_says_alone() -> None:
    """Its parts are the deployed one's: the store, the database, its owner and the owner's Secret."""
    (block,) = blocks("yaml")
    restored: dict[str, Any] = yaml.safe_load(block.text)
    deployed = yaml.safe_load((ROOT / "deploy/k8s/components/postgresql/cluster.yaml").read_text())
    assert restored["metadata"]["name"] == deployed["metadata"]["name"]
    recovery, initdb = restored["spec"]["bootstrap"]["recovery"], deployed["spec"]["bootstrap"]["initdb"]
    assert {name: recovery[name] for name in ("database", "owner", "secret")} == {
        name: initdb[name] for name in ("database", "owner", "secret")
    }
    (source,), (archive,), (before,) = (
        restored["spec"]["externalClusters"],
        restored["spec"]["plugins"],
        deployed["spec"]["plugins"],
    )
    assert recovery["source"] == source["name"]
    stores = [plugin["parameters"]["barmanObjectName"] for plugin in (source["plugin"], archive, before)]
    assert len(set(stores)) == 1
    # Where no serverName is given, the archive has the cluster's name.
    assert source["plugin"]["parameters"]["serverName"] == deployed["metadata"]["name"]
    assert archive["parameters"]["serverName"] != deployed["metadata"]["name"]


def test_words_of_a_call_are_kept_apart(run: Run) -> None:
    assert shlex.split("api '/a b' -X POST") in run("api '/a b' -X POST | grep 'x y'")

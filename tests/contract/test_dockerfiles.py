"""Every service's Dockerfile keeps the rules that an image is trusted by, as far as its text can show them."""

import ast
import json
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
BOOTSTRAP = ROOT / "deploy/native/bootstrap"
BASE = "python:3.13-slim-bookworm"
LABELS = {"title", "description", "version", "licenses", "base.name"}
SERVICES = sorted(project.parent.name for project in ROOT.glob("services/*/pyproject.toml"))


class Instruction(NamedTuple):
    name: str
    value: str


class Dockerfile:
    """Its instructions by stage, with lines joined and comments left out."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.text = (ROOT / "services" / service / "Dockerfile").read_text()
        lines = "\n".join(line for line in self.text.splitlines() if not line.startswith("#"))
        self.stages: list[list[Instruction]] = []
        for line in lines.replace("\\\n", " ").splitlines():
            if not line.strip():
                continue
            name, value = line.split(maxsplit=1)
            if name == "FROM":
                self.stages.append([])
            self.stages[-1].append(Instruction(name, " ".join(value.split())))

    def values(self, name: str, stage: int = -1) -> list[str]:
        return [instruction.value for instruction in self.stages[stage] if instruction.name == name]

    def value(self, name: str) -> str:
        """The final stage's only instruction of this name."""
        (value,) = self.values(name)
        return value


@pytest.fixture(params=SERVICES)
def dockerfile(request: pytest.FixtureRequest) -> Dockerfile:
    return Dockerfile(request.param)


@pytest.fixture
def project(dockerfile: Dockerfile) -> dict[str, Any]:
    file = ROOT / "services" / dockerfile.service / "pyproject.toml"
    project: dict[str, Any] = tomllib.loads(file.read_text())["project"]
    return project


def test_both_stages_are_on_the_same_base_by_tag(dockerfile: Dockerfile) -> None:
    assert [stage[0].value for stage in dockerfile.stages] == [f"{BASE} AS build", BASE]
    assert ":latest" not in dockerfile.text


def test_what_is_installed_is_what_the_lock_says(dockerfile: Dockerfile, project: dict[str, Any]) -> None:
    syncs = [run for run in dockerfile.values("RUN", stage=0) if "uv sync" in run]
    assert len(syncs) == 2
    for sync in syncs:
        for option in ("--frozen", "--no-dev", "--no-editable", f"--package {project['name']}"):
            assert option in sync
    assert "--no-install-workspace" in syncs[0]
    (install,) = [run for run in dockerfile.values("RUN", stage=0) if "pip install" in run]
    assert re.search(r" uv==\d+\.\d+\.\d+$", install)


def test_the_lock_is_held_to_every_member_in_any_clone_that_runs_a_test() -> None:
    assert "sync --quiet --locked --all-packages" in BOOTSTRAP.read_text()


def test_the_dependencies_are_a_layer_before_any_source(dockerfile: Dockerfile) -> None:
    steps = [(name, value) for name, value in dockerfile.stages[0] if name in {"COPY", "RUN"}]
    sources = [index for index, (name, value) in enumerate(steps) if name == "COPY" and "/src" in value]
    dependencies = [index for index, (_, value) in enumerate(steps) if "--no-install-workspace" in value]
    assert max(dependencies) < min(sources)


def test_only_the_service_and_the_shared_library_are_built_in(dockerfile: Dockerfile) -> None:
    copied = {source for copy in dockerfile.values("COPY", stage=0) for source in copy.split()[:-1]}
    assert copied == {
        "pyproject.toml",
        "uv.lock",
        *(
            f"{member}/{part}"
            for member in ("shared", f"services/{dockerfile.service}")
            for part in ("pyproject.toml", "src")
        ),
    }


def test_nothing_but_the_environment_reaches_the_final_stage(dockerfile: Dockerfile) -> None:
    assert dockerfile.values("COPY") == ["--from=build /opt/fanfare /opt/fanfare"]
    assert dockerfile.values("ADD") == []
    assert not re.search(r"\b(pip|uv|apt|apt-get|gcc)\b", " ".join(dockerfile.values("RUN")))


def test_the_user_is_a_number_above_10000(dockerfile: Dockerfile) -> None:
    match = re.fullmatch(r"(\d+):(\d+)", dockerfile.value("USER"))
    assert match
    assert int(match[1]) > 10_000
    assert int(match[2]) > 10_000


def test_the_root_can_be_read_only(dockerfile: Dockerfile) -> None:
    environment = dict(assignment.split("=", 1) for assignment in " ".join(dockerfile.values("ENV")).split())
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    written = [value for name, value in environment.items() if name.startswith("FANFARE_") and "/" in value]
    assert all(value.startswith("/tmp/") for value in written)  # noqa: S108 - the container's own


def test_process_1_is_the_service_s_console_script(dockerfile: Dockerfile, project: dict[str, Any]) -> None:
    assert dockerfile.values("ENTRYPOINT") == []
    (script,) = json.loads(dockerfile.value("CMD"))
    assert script in project["scripts"]


def test_the_health_check_is_a_program_not_a_shell(dockerfile: Dockerfile) -> None:
    options, command = dockerfile.value("HEALTHCHECK").split("CMD ", 1)
    assert {option.split("=")[0] for option in options.split()} >= {"--interval", "--timeout", "--start-period"}
    program, flag, code = json.loads(command)
    assert (program, flag) == ("python", "-c")
    ast.parse(code)


def test_the_labels_say_what_it_is(dockerfile: Dockerfile, project: dict[str, Any]) -> None:
    labels = dict(re.findall(r'org\.opencontainers\.image\.([a-z.]+)="([^"]*)"', " ".join(dockerfile.values("LABEL"))))
    assert labels.keys() >= LABELS
    assert labels["title"] == project["name"]
    assert labels["description"] == project["description"]
    assert labels["base.name"] == f"docker.io/library/{BASE}"
    assert labels["version"] == project["version"]


def test_no_secret_is_built_in(dockerfile: Dockerfile) -> None:
    given = " ".join(dockerfile.values("ENV") + dockerfile.values("ARG"))
    assert not re.search(r"PASSWORD|SECRET|TOKEN|KEY|_URL", given)


def test_images_are_built_alike() -> None:
    def build_stage(service: str) -> list[str]:
        text = "\n".join(value for _, value in Dockerfile(service).stages[0])
        return (
            text.replace(f"services/{service}", "the source").replace(f"fanfare-{service}", "the service").splitlines()
        )

    first, *others = (build_stage(service) for service in SERVICES)
    assert all(other == first for other in others)


def test_the_context_holds_what_the_build_needs_and_no_more() -> None:
    first, *rest = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert first == "*"
    assert {line.removeprefix("!") for line in rest if line.startswith("!")} == {
        "pyproject.toml",
        "uv.lock",
        *(f"{member}/{part}" for member in ("shared", "services/*") for part in ("pyproject.toml", "src")),
    }


def test_images_are_made_with_the_uv_that_clones_are_given(dockerfile: Dockerfile) -> None:
    (wanted,) = re.findall(r"^wanted=(.+)$", BOOTSTRAP.read_text(), re.MULTILINE)
    assert f"uv=={wanted}" in dockerfile.text

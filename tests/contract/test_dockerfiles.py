"""Every service's Dockerfile keeps the rules that an image is trusted by, as far as its text can show them."""

import ast
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
BOOTSTRAP = ROOT / "deploy/native/bootstrap"
BASE = "python:3.13-slim-bookworm"
LABELS = {"title", "description", "version", "licenses", "base.name"}
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
SERVICES = sorted(project.parent.name for project in ROOT.glob("services/*/pyproject.toml"))
BESIDE = {"flower": "deploy", "fcm-simulator": "tests"}
"""Images that Compose builds and that are no service's, each with its folder."""


class Instruction(NamedTuple):
    name: str
    value: str


class Dockerfile:
    """Its instructions by stage, with lines joined and comments left out."""

    def __init__(self, service: str, folder: str = "services") -> None:
        self.service = service
        self.text = (ROOT / folder / service / "Dockerfile").read_text()
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
    runs = dockerfile.values("RUN", stage=0)
    (sync,) = [run for run in runs if "uv sync" in run]
    for option in ("--frozen", "--no-dev", "--no-install-workspace", f"--package {project['name']}"):
        assert option in sync
    (own,) = [run for run in runs if "uv pip install" in run]
    assert "--no-deps" in own
    assert own.split()[-2:] == ["./shared", f"./services/{dockerfile.service}"]
    (uv,) = [run for run in runs if run.startswith("pip install")]
    assert re.search(r" uv==\d+\.\d+\.\d+$", uv)


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
        "deploy/sbom.py",
    }


def test_nothing_but_the_dependencies_and_then_our_own_code_reaches_the_final_stage(dockerfile: Dockerfile) -> None:
    assert dockerfile.values("COPY") == [
        "--from=build /opt/fanfare /opt/fanfare",
        "--from=build /opt/own /opt/fanfare",
    ]
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


def test_what_serves_http_is_exposed(dockerfile: Dockerfile) -> None:
    setting = "FANFARE_API_PORT" if dockerfile.service == "api" else "FANFARE_METRICS_PORT"
    assert f"{setting}={dockerfile.value('EXPOSE')}" in " ".join(dockerfile.values("ENV")).split()


def test_process_1_is_the_service_s_console_script(dockerfile: Dockerfile, project: dict[str, Any]) -> None:
    assert dockerfile.values("ENTRYPOINT") == []
    (script,) = json.loads(dockerfile.value("CMD"))
    assert script in project["scripts"]


def test_the_health_check_is_a_program_not_a_shell(dockerfile: Dockerfile) -> None:
    options, command = dockerfile.value("HEALTHCHECK").split("CMD ", 1)
    assert {option.split("=")[0] for option in options.split()} >= {"--interval", "--timeout", "--start-period"}
    program, *arguments = json.loads(command)
    if dockerfile.service == "api":
        assert program == "python"
        ast.parse(arguments[-1])
    else:
        shared: dict[str, Any] = tomllib.loads((ROOT / "shared/pyproject.toml").read_text())["project"]
        assert program in shared["scripts"]
        assert arguments == ["live"]


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


def test_each_stands_alone_and_differs_from_the_others_only_where_it_must() -> None:
    def lines(service: str, *, without: tuple[str, ...]) -> list[str]:
        text = (ROOT / "services" / service / "Dockerfile").read_text()
        text = text.replace(f"services/{service}", "the source").replace(f"fanfare-{service}", "the service")
        return [line for line in text.splitlines() if not any(part in line for part in without)]

    def instructions(service: str, stage: int) -> list[str]:
        own = ("ENV", "EXPOSE", "HEALTHCHECK", "LABEL")
        return [
            f"{name} {value}".replace(f"services/{service}", "").replace(f"fanfare-{service}", "")
            for name, value in Dockerfile(service).stages[stage]
            if stage == 0 or name not in own
        ]

    first, *others = (lines(service, without=("image.description",)) for service in SERVICES if service != "api")
    assert all(other == first for other in others)
    for stage in (0, 1):
        assert instructions("api", stage) == instructions("orchestrator", stage)


def test_the_context_holds_what_the_build_needs_and_no_more() -> None:
    first, *rest = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert first == "*"
    assert {line.removeprefix("!") for line in rest if line.startswith("!")} == {
        "pyproject.toml",
        "uv.lock",
        *(f"{member}/{part}" for member in ("shared", "services/*") for part in ("pyproject.toml", "src")),
        "deploy/sbom.py",
    }


def test_images_are_made_with_the_uv_that_clones_are_given(dockerfile: Dockerfile) -> None:
    (wanted,) = re.findall(r"^wanted=(.+)$", BOOTSTRAP.read_text(), re.MULTILINE)
    assert f"uv=={wanted}" in dockerfile.text


def test_every_dockerfile_is_looked_at() -> None:
    found = {
        file.parent.relative_to(ROOT)
        for top in ("services", "deploy", "tests")
        for file in (ROOT / top).glob("*/Dockerfile")
    }
    assert found == {Path("services", service) for service in SERVICES} | {
        Path(top, name) for name, top in BESIDE.items()
    }


@pytest.mark.parametrize("name", BESIDE)
def test_an_image_beside_the_services_keeps_their_rules(name: str) -> None:
    file = Dockerfile(name, BESIDE[name])
    root: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (wanted,) = re.findall(r"^wanted=(.+)$", BOOTSTRAP.read_text(), re.MULTILINE)
    assert [stage[0].value for stage in file.stages] == [f"{BASE} AS build", BASE]
    assert f"uv=={wanted}" in file.text
    syncs = [run for run in file.values("RUN", stage=0) if "uv sync" in run]
    assert syncs
    for sync in syncs:
        assert "--frozen" in sync
        assert sync.endswith(("--only-group flower", "--package fcm-simulator"))
    assert "flower" in root["dependency-groups"]
    assert min(map(int, file.value("USER").split(":"))) > 10_000
    assert json.loads(file.value("CMD"))
    assert f'image.version="{root["project"]["version"]}"' in file.value("LABEL")


@pytest.mark.parametrize("name", BESIDE)
def test_the_context_of_an_image_beside_the_services_holds_what_it_copies_and_no_more(name: str) -> None:
    file = Dockerfile(name, BESIDE[name])
    copied = {
        source
        for stage in (0, 1)
        for copy in file.values("COPY", stage)
        if not copy.startswith("--from=")
        for source in copy.split()[:-1]
    }
    assert all((ROOT / source).exists() for source in copied), copied
    first, *rest = [
        line
        for line in (ROOT / BESIDE[name] / name / "Dockerfile.dockerignore").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert first == "*"
    assert {line.removeprefix("!") for line in rest if line.startswith("!")} == copied


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_every_image_is_built_with_an_ignore_file_of_its_own_and_a_service_s_is_billed(
    engine: str, tmp_path: Path
) -> None:
    """The script alone, in a folder of its own: its engine writes down what it is told."""
    dockerfiles = sorted(
        f"{top}/{name}/Dockerfile" for name, top in (dict.fromkeys(SERVICES, "services") | BESIDE).items()
    )
    for file in ("deploy/images", "deploy/engine", "pyproject.toml", *dockerfiles):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    for name, top in BESIDE.items():
        shutil.copy(ROOT / top / name / "Dockerfile.dockerignore", tmp_path / top / name)
    recorder = tmp_path / "bin" / engine
    recorder.parent.mkdir()
    recorder.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/told\n')
    recorder.chmod(0o755)

    path = f"{recorder.parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([tmp_path / "deploy/images"], env={"ENGINE": engine, "PATH": path}, check=True, timeout=60)

    told = (tmp_path / "told").read_text().splitlines()
    built = {}
    for line in told:
        if line.startswith("build "):
            options = dict(re.findall(r"--(file|ignorefile|tag) (\S+)", line))
            built[options.pop("file")] = options
    assert sorted(built) == dockerfiles
    for file, options in built.items():
        name = Path(file).parent.name
        own = {"ignorefile": f"{file}.dockerignore"} if name in BESIDE and engine != "docker" else {}
        assert options == {"tag": f"fanfare/{name}:{VERSION}"} | own
    billed = [line.split()[4].split("/")[1].partition(":")[0] for line in told if line.startswith("run ")]
    assert billed == SERVICES


def test_an_engine_that_is_none_is_refused() -> None:
    done = subprocess.run(
        [ROOT / "deploy/images"], env={"ENGINE": "lxc"}, check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "ENGINE=lxc: give docker, podman or buildah" in done.stderr

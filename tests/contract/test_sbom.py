"""Each image's bill of materials, made from the lock as its Dockerfile makes it, holds what that service installs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = sorted(project.parent.name for project in ROOT.glob("services/*/pyproject.toml"))
# Found in one image and in no other; of the api's and the workers' reasons to be images of their own.
_OWN = {
    "api": {"fastapi", "uvicorn", "python-multipart"},
    "image-worker": {"pyvips", "pyvips-binary", "pi-heif"},
    "orchestrator": set[str](),
    "push-worker": {"pycurl", "firebase-admin"},
}
_DEVELOPMENT = {"pytest", "mypy", "ruff", "moto", "hypothesis", "fcm-simulator", "fanfare-native"}


def _uv(*arguments: str, environment: Path) -> str:
    own = ROOT / ".tools/uv/bin/uv"
    program = str(own) if own.exists() else shutil.which("uv")
    assert program, "deploy/native/bootstrap brings uv"
    settings = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    settings |= {"UV_PROJECT_ENVIRONMENT": str(environment), "UV_PYTHON": sys.executable}
    done = subprocess.run(
        [program, "--quiet", *arguments], check=False, cwd=ROOT, env=settings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _filtered(exported: str, *prefixes: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "deploy/sbom.py"), *map(str, prefixes)]
    return subprocess.run(command, check=False, input=exported, capture_output=True, text=True)


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each service's, as its image has it."""
    folder = tmp_path_factory.mktemp("environments")
    for service in SERVICES:
        _uv(
            *("sync", "--frozen", "--no-dev", "--no-editable", "--package", f"fanfare-{service}"),
            environment=folder / service,
        )
    return {service: folder / service for service in SERVICES}


@pytest.fixture(scope="module")
def exports(environments: dict[str, Path]) -> dict[str, str]:
    """What the lock holds for each service, whatever the platform."""
    return {
        service: _uv(
            *("export", "--frozen", "--no-dev", "--package", f"fanfare-{service}", "--format", "cyclonedx1.5"),
            environment=environment,
        )
        for service, environment in environments.items()
    }


@pytest.fixture(scope="module")
def documents(environments: dict[str, Path], exports: dict[str, str]) -> dict[str, dict[str, Any]]:
    documents = {}
    for service, environment in environments.items():
        done = _filtered(exports[service], environment)
        assert done.returncode == 0, done.stderr
        documents[service] = json.loads(done.stdout)
    return documents


def _names(document: dict[str, Any]) -> set[str]:
    return {component["name"] for component in document["components"]}


def test_it_holds_what_is_installed_and_no_more(environments: dict[str, Path], documents: dict[str, Any]) -> None:
    for service, document in documents.items():
        listed = json.loads(
            _uv("pip", "list", "--format", "json", "--python", str(environments[service]), environment=Path())
        )
        root = document["metadata"]["component"]
        assert root["name"] == f"fanfare-{service}"
        assert {(component["name"], component["version"]) for component in [root, *document["components"]]} == {
            (package["name"].lower().replace("_", "-").replace(".", "-"), package["version"]) for package in listed
        }


def test_each_image_has_its_own_service_s_dependencies_alone(documents: dict[str, Any]) -> None:
    names = {service: _names(document) for service, document in documents.items()}
    for service, own in _OWN.items():
        assert own <= names[service]
        assert not own & set().union(*(names[other] for other in names if other != service))
        assert not _DEVELOPMENT & names[service]
        assert not {f"fanfare-{other}" for other in SERVICES} & names[service]
    assert len({frozenset(of) for of in names.values()}) == len(SERVICES)


def test_it_is_cyclonedx_with_a_package_url_and_digests_and_its_references_resolve(documents: dict[str, Any]) -> None:
    for document in documents.values():
        assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.5")
        references = {component["bom-ref"] for component in document["components"]}
        references.add(document["metadata"]["component"]["bom-ref"])
        assert {entry["ref"] for entry in document["dependencies"]} == references
        assert all(set(entry.get("dependsOn", [])) <= references for entry in document["dependencies"])
        for component in document["components"]:
            if component["name"] != "fanfare-shared":
                assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
                assert any(file["hashes"] for file in component["externalReferences"])


def test_what_is_installed_but_not_locked_or_locked_but_not_installed_makes_no_bill(
    environments: dict[str, Path], exports: dict[str, str]
) -> None:
    unlocked = _filtered(exports["image-worker"], environments["image-worker"], environments["push-worker"])
    assert unlocked.returncode == 1
    assert "installed but not locked" in unlocked.stderr
    assert "pycurl" in unlocked.stderr
    absent = _filtered(exports["image-worker"], environments["orchestrator"])
    assert absent.returncode == 1
    assert "pyvips" in absent.stderr

"""The overlays, rendered once."""

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from harness import kustomize
from k8s.manifests import OVERLAYS, Manifests

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def production() -> Manifests:
    return Manifests.of("overlays/production")


@pytest.fixture(scope="session")
def keda() -> Manifests:
    return Manifests.of("overlays/keda")


@pytest.fixture(scope="session")
def dev() -> Manifests:
    return Manifests.of("overlays/dev")


@pytest.fixture(params=OVERLAYS, ids=lambda folder: str(folder.relative_to(kustomize.MANIFESTS / "overlays")))
def overlay(request: pytest.FixtureRequest) -> Manifests:
    """Each folder that can be applied."""
    folder: Path = request.param
    return Manifests.of(folder)


@pytest.fixture(scope="session")
def made_secrets() -> dict[bool, dict[str, Any]]:
    """By whether the servers speak TLS: what deploy/k8s/make_secrets.py makes, by name."""
    return {tls: _make_secrets(["--tls"] if tls else []) for tls in (False, True)}


def _make_secrets(options: list[str]) -> dict[str, Any]:
    command = [sys.executable, str(kustomize.MANIFESTS / "make_secrets.py"), *options]
    made = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {secret["metadata"]["name"]: secret for secret in made["items"]}

"""The checks of `make lint` and `make audit` find what they are for, and are green for no other reason."""

import os
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.fleet import ROOT

CHECKS = ROOT / "deploy" / "checks"


def run(check: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(CHECKS / check), *arguments]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def dependencies() -> dict[str, Any]:
    return runpy.run_path(str(CHECKS / "dependencies.py"))


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN RSA PRIVATE KEY-----",  # pragma: allowlist secret
        'region = "AKIAQYLPMN5HHHFPZAM2"',  # pragma: allowlist secret
        "FANFARE_DATABASE_URL=postgresql://fanfare:kV9s1Qz7@db/fanfare",  # pragma: allowlist secret
        'token = "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"',  # pragma: allowlist secret
    ],
)
def test_a_secret_in_a_file_is_found(tmp_path: Path, secret: str) -> None:
    file = tmp_path / "settings.txt"
    file.write_text(f"first\n{secret}\nlast\n")
    found = run("secrets", str(file))
    assert found.returncode == 1
    assert f"{file}:2" in found.stdout
    assert "looks like a secret" in found.stderr


def test_a_placeholder_is_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("Give postgresql://fanfare:password@db/fanfare in FANFARE_DATABASE_URL, and password = your own.\n")
    found = run("secrets", str(file))
    assert (found.returncode, found.stdout) == (0, "")


def test_an_audit_that_could_ask_nobody_fails_and_says_so() -> None:
    away = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:1")
    audit = run("audit", UV_HTTP_RETRIES="0", NO_PROXY="", no_proxy="", **away)
    assert audit.returncode == 2, audit
    assert "nothing was audited" in audit.stderr


def test_a_package_without_a_hash_or_from_elsewhere_is_found(dependencies: dict[str, Any]) -> None:
    registry, wheel = {"registry": "https://pypi.org/simple"}, {"url": "x.whl", "hash": "sha256:0"}
    lock = {
        "good": {"source": registry, "wheels": [wheel], "sdist": wheel},
        "ours": {"source": {"editable": "shared"}},
        "bare": {"source": registry, "wheels": [wheel, {"url": "y.whl"}]},
        "nothing": {"source": registry},
        "git": {"source": {"git": "https://example.org/x.git"}},
    }
    assert [problem.partition(":")[0] for problem in dependencies["unhashed"](lock)] == ["bare", "nothing", "git"]


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("LGPL-2.1-only OR MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("GPL-3.0-only", False),
        ("MIT AND GPL-2.0-only", False),
        ("none stated", False),
    ],
)
def test_a_licence_is_allowed_by_the_list_alone(dependencies: dict[str, Any], expression: str, allowed: bool) -> None:
    assert dependencies["is_allowed"](expression) == allowed


def test_what_the_services_depend_on_is_looked_at(dependencies: dict[str, Any]) -> None:
    lock = {
        "fanfare-api": {"source": {"editable": "services/api"}, "dependencies": [{"name": "shared"}]},
        "shared": {
            "source": {"editable": "shared"},
            "dependencies": [{"name": "celery"}],
            "optional-dependencies": {"storage": [{"name": "obstore"}]},
        },
        "celery": {"source": {"registry": "r"}, "dependencies": [{"name": "kombu"}]},
        "kombu": {"source": {"registry": "r"}},
        "obstore": {"source": {"registry": "r"}},
        "pytest": {"source": {"registry": "r"}},
    }
    assert dependencies["shipped"](lock) == {"celery", "kombu", "obstore"}

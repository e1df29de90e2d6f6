"""What README and docs/images.md tell a reader to type works, line by line, against a fleet."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.fleet import Fleet

# `--json` came with 7.82.
_HAS_JSON = (
    shutil.which("curl") is not None
    and subprocess.run(["curl", "--json", "{}", "--version"], capture_output=True, check=False).returncode == 0
)
pytestmark = pytest.mark.skipif(not _HAS_JSON, reason="needs curl 7.82 or later, as the pages say")


@pytest.fixture
def checkout(image_fleet: Fleet, pytestconfig: pytest.Config, tmp_path: Path) -> Path:
    """A folder like a clone's, with the fleet's settings in `.run/env`."""
    for name in ("docs", "tests"):
        (tmp_path / name).symlink_to(pytestconfig.rootpath / name)
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    (tmp_path / ".run").mkdir()
    key = image_fleet.client.http.headers["Authorization"].removeprefix("Bearer ")
    lines = {"FANFARE_API_URL": image_fleet.api_url, "FANFARE_API_KEY": key}
    (tmp_path / ".run" / "env").write_text("".join(f"export {name}='{value}'\n" for name, value in lines.items()))
    return tmp_path


def run(checkout: Path, *blocks: str) -> str:
    """What the page's blocks print, run one after the other until one fails."""
    script = "\n".join(["set -euo pipefail", *blocks])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=checkout,
        env=os.environ | {"no_proxy": "*", "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def blocks_of(page: Path) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def test_every_request_of_the_page_on_images_works(checkout: Path, pytestconfig: pytest.Config) -> None:
    printed = run(checkout, *blocks_of(pytestconfig.rootpath / "docs" / "images.md"))
    assert '"progress":100.0' in printed
    assert (checkout / "original.jpg").read_bytes() == (checkout / "photos" / "balloon.jpg").read_bytes()
    assert (checkout / "first-100-bytes").stat().st_size == 100


def test_the_readmes_own_images_work(checkout: Path, pytestconfig: pytest.Config) -> None:
    of_campaigns, of_images = [
        block for block in blocks_of(pytestconfig.rootpath / "README.md") if "FANFARE_API_URL" in block
    ]
    settings, _, _ = of_campaigns.partition("\n# An app")
    printed = run(checkout, settings, of_images)
    assert '"errors":{"IMAGE_CORRUPT":1}' in printed
    retried = json.loads(printed.split()[-1])
    assert retried["lane"] == "images.bulk"

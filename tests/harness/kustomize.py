"""kustomize, which renders what deploy/k8s holds: the machine's own, or Debian's package, unpacked into .tools/.

`python -m harness.kustomize deploy/k8s/overlays/dev` prints what it renders.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "deploy" / "k8s"
_UNPACKED = ROOT / ".tools" / "kustomize"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# The first release of Debian that has kustomize 5. Its package is one static program, good on older releases as well.
_RELEASE = "trixie"
_ADVICE = "install kubectl 1.27 or later, or kustomize 5 or later"


class KustomizeMissingError(Exception):
    """There is no kustomize that renders deploy/k8s, and none could be installed."""


@cache
def render(folder: Path) -> list[dict[str, Any]]:
    """The manifests that `folder`'s kustomization gives. Raises ValueError with kustomize's own words."""
    rendered = _run([*_kustomize(), str(folder)])
    if rendered.returncode != 0:
        raise ValueError(f"{folder}: {rendered.stderr}")
    return [manifest for manifest in yaml.load_all(rendered.stdout, yaml.CSafeLoader) if manifest]


@cache
def _kustomize() -> tuple[str, ...]:
    """The command, to which a folder is added."""
    tried: list[str] = []
    for command in _candidates():
        probe = _run([*command, str(MANIFESTS / "base")])
        if probe.returncode == 0:
            return command
        tried.append(f"{' '.join(command)}: {probe.stderr.strip()[-1000:]}")
    raise KustomizeMissingError("\n".join([*tried, _ADVICE]))


def _candidates() -> Iterator[tuple[str, ...]]:
    """The machine's own, however old, then the one unpacked here, which is fetched when it is asked for."""
    for program, argument in (("kustomize", "build"), ("kubectl", "kustomize")):
        if found := shutil.which(program):
            yield found, argument
    yield str(_unpacked()), "build"


def _unpacked() -> Path:
    """Fetched by apt, with sources and lists of its own: the machine's stay as they are, and no root is needed."""
    program = _UNPACKED / "usr" / "bin" / "kustomize"
    if program.exists():
        return program
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise KustomizeMissingError(f"no apt-get on this machine to fetch kustomize with; {_ADVICE}")
    _UNPACKED.parent.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=_UNPACKED.parent) as folder:
        package = _fetched(Path(folder))
        _must(["dpkg-deb", "--extract", str(package), "unpacked"], Path(folder))
        # At once, and whoever was faster has the same.
        with suppress(OSError):
            (Path(folder) / "unpacked").rename(_UNPACKED)
    return program


def _fetched(folder: Path) -> Path:
    """The Debian package, downloaded into `folder`."""
    for name in ("lists/partial", "cache/archives/partial", "parts"):
        (folder / name).mkdir(parents=True)
    sources = folder / "sources.list"
    sources.write_text(f"deb [signed-by={_KEYRING}] {_mirror()} {_RELEASE} main\n")
    options = [
        f"Dir::Etc::SourceList={sources}",
        f"Dir::Etc::SourceParts={folder / 'parts'}",
        f"Dir::State::Lists={folder / 'lists'}",
        f"Dir::Cache={folder / 'cache'}",
        "Debug::NoLocking=1",
        "APT::Sandbox::User=",
    ]
    apt = ["apt-get", *(word for option in options for word in ("-o", option))]
    _must([*apt, "update"], folder)
    _must([*apt, "download", "kustomize"], folder)
    (package,) = folder.glob("kustomize_*.deb")
    return package


def _must(command: list[str], folder: Path) -> None:
    done = _run(command, cwd=folder)
    if done.returncode != 0:
        raise KustomizeMissingError(f"{done.stdout}{done.stderr}\nfetching kustomize failed (above); {_ADVICE}")


def _mirror() -> str:
    """Debian's mirror as this machine names it, or Debian's own."""
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*.[ls]*"))]
    for file in files:
        if not file.is_file() or file.suffix not in {".list", ".sources"}:
            continue
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
        if found := re.search(r"\bhttps?://\S+/debian/?(?=\s|$)", "\n".join(lines)):
            return found[0]
    return "http://deb.debian.org/debian"


def _run(command: list[str], cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    yaml.safe_dump_all(render(Path(sys.argv[1]).resolve()), sys.stdout, sort_keys=False)

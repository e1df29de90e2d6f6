"""The bare work in processes of their own, by libvips' Python binding, by Pillow, and by sharp."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.fleet import ROOT

_SHARP = "sharp@0.35"
_CACHE = ROOT / ".run" / "bench" / "sharp"
_MODULE = _CACHE / "node_modules" / "sharp"
_INSTALL_SECONDS = 120


@dataclass(frozen=True)
class Measured:
    """`seconds`: the slowest process's; CPU seconds and images of all of them."""

    seconds: float
    cpu_seconds: float
    images: int

    @property
    def rate(self) -> float:
        return self.images / self.seconds

    @property
    def cpu_milliseconds(self) -> float:
        """An image."""
        return self.cpu_seconds / self.images * 1e3


def pyvips_call(files: Sequence[Path], count: int) -> Measured:
    """The call alone, in one process: bytes in memory to bytes in memory."""
    return _run([[*_python("pyvips"), str(count), "-", *map(str, files)]])


def pillow(files: Sequence[Path], count: int, processes: int, out: Path) -> Measured:
    """From file to file."""
    return _run([[*_python("pillow"), str(count // processes), str(out), *map(str, files)]] * processes)


def sharp(files: Sequence[Path], count: int, processes: int, out: Path) -> Measured:
    """From file to file, once `why_no_sharp` has nothing to say."""
    program = ["node", str(Path(__file__).with_name("bare_sharp.mjs")), str(_MODULE)]
    return _run([[*program, str(count // processes), str(out), *map(str, files)]] * processes)


def why_no_sharp() -> str | None:
    """Installs it on first use; why that cannot be done, if so."""
    if missing := [program for program in ("node", "npm") if shutil.which(program) is None]:
        return f"there is no {missing[0]}"
    if _MODULE.exists():
        return None
    _CACHE.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-save", "--prefix", str(_CACHE), _SHARP]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_SECONDS, text=True)
    except subprocess.CalledProcessError as error:
        return f"npm install failed: {error.stderr.strip().splitlines()[:1]}"
    except subprocess.TimeoutExpired:
        return "npm install took too long"
    return None


def _python(library: str) -> list[str]:
    return [sys.executable, "-m", "bench.images.bare", library]


def _run(commands: Sequence[Sequence[str]]) -> Measured:
    running = [subprocess.Popen(command, cwd=ROOT / "tests", stdout=subprocess.PIPE, text=True) for command in commands]
    printed = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise RuntimeError(f"{commands[0][:4]} failed")
    found = [Measured(**json.loads(text)) for text in printed]
    return Measured(
        max(measured.seconds for measured in found),
        sum(measured.cpu_seconds for measured in found),
        sum(measured.images for measured in found),
    )

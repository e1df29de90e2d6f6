"""Units as systemd reads them: a template's instance named, the drop-in of the prefix added, the environment put together."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
COMMON = FOLDER / "fanfare-.service.d" / "common.conf"


@dataclass(frozen=True)
class Unit:
    """`name` as it is started, such as `fanfare-push-worker@high`."""

    name: str

    @property
    def file(self) -> Path:
        prefix, at, _ = self.name.partition("@")
        return FOLDER / f"{prefix}{at}.service"

    def values(self, directive: str) -> list[str]:
        """Every value of a directive, in order."""
        lines = f"{self.file.read_text()}\n{COMMON.read_text()}".splitlines()
        stated = (line.partition("=") for line in lines if not line.startswith("#"))
        return [self._named(value) for name, _, value in stated if name == directive]

    def value(self, directive: str) -> str:
        (value,) = self.values(directive)
        return value

    def environment(self, run: Path, read: Callable[[str], str]) -> dict[str, str]:
        """With `run` for /run, and the settings files as `read` gives them by their paths."""
        found = dict(value.replace("/run/", f"{run}/").split("=", 1) for value in self.values("Environment"))
        for file in self.values("EnvironmentFile"):
            found |= settings(read(file))
        return found

    def _named(self, value: str) -> str:
        return value.replace("%i", self.name.partition("@")[2]).replace("%t", "/run")


def settings(text: str) -> dict[str, str]:
    """What an environment file says."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)

"""docker-compose.yml as Compose reads it: variables filled in, profiles chosen, images' own settings added."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
# `$$`, `${NAME}`, `${NAME-default}`, `${NAME:-default}`: https://docs.docker.com/reference/compose-file/interpolation/
_VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>\w+)(?:(?P<operator>:?-)(?P<default>[^}]*))?\})")
_DURATION = re.compile(r"(\d+)(s|m)")


@dataclass(frozen=True)
class Image:
    """What a Dockerfile's last stage gives a container."""

    environment: dict[str, str] = field(default_factory=dict)
    health_check: tuple[str, ...] = ()


@dataclass(frozen=True)
class Service:
    """One service, with its environment as a container sees it, but for PATH."""

    name: str
    stated: dict[str, Any]
    image: Image

    @property
    def command(self) -> list[str]:
        return [str(word) for word in self.stated["command"]]

    @property
    def environment(self) -> dict[str, str]:
        stated: dict[str, str] = self.stated["environment"]
        return self.image.environment | stated

    @property
    def health_check(self) -> list[str]:
        """Of the file, else of the image; empty where there is none."""
        stated = self.stated.get("healthcheck", {})
        if stated.get("disable"):
            return []
        return [str(word) for word in stated["test"][1:]] if "test" in stated else list(self.image.health_check)

    @property
    def depends_on(self) -> dict[str, str]:
        """The condition of each service that this one waits for."""
        return {name: waits["condition"] for name, waits in self.stated.get("depends_on", {}).items()}

    @property
    def mounts(self) -> dict[str, str]:
        """Volume or folder by its place in the container."""
        split = (mount.split(":") for mount in self.stated.get("volumes", []))
        return {parts[1]: parts[0] for parts in split}

    @property
    def temporary(self) -> list[str]:
        return list(self.stated.get("tmpfs", []))

    @property
    def grace_seconds(self) -> int:
        match = _DURATION.fullmatch(self.stated.get("stop_grace_period", "10s"))  # Docker's own
        assert match
        return int(match[1]) * {"s": 1, "m": 60}[match[2]]

    @property
    def is_ours(self) -> bool:
        """Whether it runs a program of this repository."""
        return str(self.stated["image"]).startswith("fanfare/")


@dataclass(frozen=True)
class ComposeFile:
    """`services` are those that `docker compose up` starts."""

    stated: dict[str, Any]
    all_services: dict[str, Service]
    profiles: frozenset[str]

    @property
    def services(self) -> dict[str, Service]:
        return {
            name: service
            for name, service in self.all_services.items()
            if not service.stated.get("profiles") or self.profiles & set(service.stated["profiles"])
        }


def read(shell: Mapping[str, str] | None = None) -> ComposeFile:
    """The repository's own, with its `.env` and what else is set in the `shell`, which stands first."""
    variables = dotenv(ROOT / ".env") | dict(shell or {})
    stated: dict[str, Any] = {}
    for file in variables.get("COMPOSE_FILE", "docker-compose.yml").split(":"):
        stated = merged(stated, yaml.safe_load(fill_in((ROOT / file).read_text(), variables)))
    services = {}
    for name, service in stated["services"].items():
        given = service.get("environment", {})
        environment = {key: variables.get(key) if value is None else str(value) for key, value in given.items()}
        service["environment"] = {key: value for key, value in environment.items() if value is not None}
        services[name] = Service(name, service, _image(service))
    return ComposeFile(stated, services, frozenset(variables.get("COMPOSE_PROFILES", "").split(",")) - {""})


def dotenv(file: Path) -> dict[str, str]:
    lines = (line for line in file.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def merged(under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings key by key, as https://docs.docker.com/reference/compose-file/merge/ says. Raises ValueError for sequences in
    both, which Compose merges by rules of their own.
    """
    result = dict(under)
    for key, value in over.items():
        beneath = result.get(key)
        if isinstance(beneath, list) or (isinstance(value, list) and key in result):
            raise ValueError(f"{key}: a sequence over another")
        result[key] = merged(beneath, value) if isinstance(beneath, dict) and isinstance(value, dict) else value
    return result


def fill_in(text: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        found = variables.get(match["name"])
        if found is None or (not found and match["operator"] == ":-"):
            return match["default"] or ""
        return found

    return _VARIABLE.sub(value, text)


def _image(service: Mapping[str, Any]) -> Image:
    if "build" not in service:
        return Image()
    text = (ROOT / service["build"]["dockerfile"]).read_text()
    last_stage = text[text.rindex("\nFROM ") :].replace("\\\n", " ")
    environment: dict[str, str] = {}
    for assignments in re.findall(r"^ENV (.+)$", last_stage, re.MULTILINE):
        environment |= dict(assignment.split("=", 1) for assignment in assignments.split())
    environment.pop("PATH", None)
    checks = re.findall(r"^HEALTHCHECK .*?CMD (\[.+\])$", last_stage, re.MULTILINE)
    return Image(environment, tuple(json.loads(checks[0])) if checks else ())

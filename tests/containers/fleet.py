"""The harness's fleet with every service from its image; the simulator stays a process of this machine's."""

import os
import tomllib
from dataclasses import dataclass, field
from typing import Literal

from containers.container import Container
from containers.engine import Engine, Mount
from harness.fleet import ROOT, Fleet
from harness.processes import Process

_CA_FILE = "/fcm/ca.pem"
_STORAGE = "/storage"
# Files of the image's own, below its /tmp.
_OF_THE_IMAGE = {"FANFARE_HEARTBEAT_FILE", "FANFARE_READY_FILE", "FANFARE_METRICS_DIR"}


def image_of(service: str) -> str:
    """The image that `make images` makes of it."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return f"fanfare/{service}:{version}"


@dataclass
class ContainerFleet(Fleet):
    engine: Engine = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settings |= {"FANFARE_STORAGE_URL": f"file://{_STORAGE}", "FANFARE_FCM_CA_FILE": _CA_FILE}
        # The images' user is nobody on this machine; without root's rights the folder can but be everybody's.
        if os.getuid() == 0:
            os.chown(self.storage, 10001, 10001)
        else:
            self.storage.chmod(0o777)

    @property
    def containers(self) -> dict[str, Container]:
        return {name: process for name, process in self.processes.items() if isinstance(process, Container)}

    @property
    def mounts(self) -> list[Mount]:
        return [Mount(self.storage, _STORAGE), Mount(self.ca_file, _CA_FILE, read_only=True)]

    def probe(self, name: str, question: Literal["live", "ready"]) -> str:
        if name not in self.containers or name == "api":
            return super().probe(name, question)
        done = self.containers[name].execute("fanfare-probe", question)
        return done.stderr or ("" if done.returncode == 0 else f"exit status {done.returncode}")

    def _start(self, name: str, command: list[str], environment: dict[str, str]) -> Process:
        if not command[0].startswith("fanfare-"):
            return super()._start(name, command, environment)
        self._commands[name] = (command, environment)
        variables = {
            variable: value
            for variable, value in {**self._environment(command[0]), **environment}.items()
            if variable.startswith("FANFARE_") and variable not in _OF_THE_IMAGE
        }
        image = image_of(command[0].removeprefix("fanfare-"))
        self.processes[name] = Container(name, self.engine, image, variables, self.folder, mounts=self.mounts)
        return self.processes[name]

    def _is_connected(self, name: str) -> bool:
        return self._lives(self.processes[name]) and self.probe(name, "ready") == ""

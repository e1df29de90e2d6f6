"""The services of docker-compose.yml as processes: the exact commands and environments, on real servers of their own.

What Docker would do is done by replacing words: `service:port` by an address of the loopback, a place in a container by
the folder that is mounted there.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

from compose.compose_file import ROOT, ComposeFile, Service
from fanfare_shared.testing.polling import until
from fanfare_shared.testing.ports import free_port
from harness.processes import Process

HOST = "127.0.0.1"
_START_SECONDS = 120
_PROGRAMS = Path(sys.executable).parent
_SERVICES_USER = "10001:10001"


@dataclass
class Machine:
    """`clone` is a folder like the repository's, with a `.run` of its own. Use as a context: leaving it stops everything."""

    file: ComposeFile
    folder: Path
    processes: dict[str, Process] = field(default_factory=dict)
    _ports: dict[tuple[str, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clone.mkdir()
        for name in ("deploy", "docs"):
            (self.clone / name).symlink_to(ROOT / name)
        self.logs.mkdir()
        for volume in self.file.stated["volumes"]:
            (self.folder / "volumes" / volume).mkdir(parents=True)
        (self.clone / ".run" / "simulator").mkdir(parents=True)  # as Docker does, for it is mounted

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for process in self.processes.values():
            if kind is not None:
                sys.stderr.write(f"== {process.name}\n{process.tail()}\n")
            process.kill()

    @property
    def clone(self) -> Path:
        return self.folder / "clone"

    @property
    def programs(self) -> list[str]:
        """The services that run programs of ours and do not end."""
        return [name for name, service in self.file.services.items() if service.is_ours and service.health_check]

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def port(self, service: str, port: int) -> int:
        """Where the loopback answers for a container's port: the one that is published, else a free one."""
        if (service, port) not in self._ports:
            published = [
                int(stated.split(":")[1])
                for stated in self.file.services[service].stated.get("ports", [])
                if stated.endswith(f":{port}")
            ]
            self._ports[service, port] = published[0] if published else free_port()
        return self._ports[service, port]

    def answer(self, service: str, port: int, mapped: int) -> None:
        """Says where a server that stands in for a service answers."""
        self._ports[service, port] = mapped

    def volume(self, name: str) -> Path:
        return self.folder / "volumes" / name

    def localized(self, text: str) -> str:
        """With the addresses of services on this machine."""
        return self._address.sub(lambda match: f"{HOST}:{self.port(match[1], int(match[2]))}", text)

    def localize_secrets(self) -> None:
        """Rewrites the addresses in what `make_secrets.py` made."""
        for file in (self.folder / "volumes").glob("secrets-*/env"):
            content = self.localized(file.read_text())
            file.unlink()
            file.write_text(content)

    def run_to_end(self, name: str) -> None:
        process = self._start(name)
        if process.wait(_START_SECONDS) != 0:
            raise RuntimeError(f"{name} failed:\n{process.tail()}")

    def start(self, name: str) -> None:
        """Does not wait until it is healthy."""
        self.processes[name] = self._start(name)

    def wait_until_healthy(self, name: str) -> None:
        """By the health check that Docker would run."""
        service = self.file.services[name]
        check = [self._located(service, word) for word in service.health_check]

        def healthy() -> bool:
            if not self.processes[name].alive:
                raise RuntimeError(f"{name} ended by itself:\n{self.processes[name].tail()}")
            ran = subprocess.run(check, env=self._environment(service), capture_output=True, timeout=60, check=False)
            return ran.returncode == 0

        until(f"{name} is healthy", healthy, _START_SECONDS, every=0.5)

    def stop(self, *names: str) -> dict[str, int]:
        """The exit status of each. Raises subprocess.TimeoutExpired when one outlives its grace."""
        with ThreadPoolExecutor(len(names)) as threads:
            ended = {name: threads.submit(self._stop, name) for name in names}
            return {name: status.result() for name, status in ended.items()}

    def _stop(self, name: str) -> int:
        return self.processes.pop(name).stop(timeout=self.file.services[name].grace_seconds)

    def _start(self, name: str) -> Process:
        service = self.file.services[name]
        command = [self._located(service, word) for word in service.command]
        own_ports = {str(port): str(mapped) for (owner, port), mapped in self._ports.items() if owner == name}
        arguments = {name: HOST, _SERVICES_USER: f"{os.getuid()}:{os.getgid()}", **own_ports}
        command[1:] = [arguments.get(word, word) for word in command[1:]]
        return Process(name, command, self._environment(service), self.logs)

    def _environment(self, service: Service) -> dict[str, str]:
        stated = {name: self._located(service, value) for name, value in service.environment.items()}
        for setting in ("FANFARE_API_PORT", "FANFARE_METRICS_PORT"):
            if service.is_ours and setting in stated:
                stated[setting] = str(self.port(service.name, int(stated[setting])))
        of_containers = {"FANFARE_API_HOST": HOST, "FANFARE_METRICS_HOST": HOST}  # where they would be alone
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FANFARE_")}
        return inherited | {"PATH": f"{_PROGRAMS}{os.pathsep}{os.environ['PATH']}"} | of_containers | stated

    def located(self, name: str, text: str) -> str:
        """The same text of a service's with this machine's folders and addresses."""
        return self._located(self.file.services[name], text)

    def _located(self, service: Service, text: str) -> str:
        """With this machine's folders for what is mounted, and its addresses."""
        places = self._places(service)
        longest_first = "|".join(re.escape(place) for place in sorted(places, key=len, reverse=True))
        mounted = re.compile(rf"(?<![\w.-])({longest_first})(?![\w.-])")
        return self.localized(mounted.sub(lambda match: str(places[match[1]]), text))

    def _places(self, service: Service) -> Mapping[str, Path]:
        places: dict[str, Path] = {}
        for place in service.temporary:
            places[place] = self.folder / "temporary" / service.name / place.strip("/").replace("/", "-")
            places[place].mkdir(parents=True, exist_ok=True)
        for place, source in service.mounts.items():
            places[place] = self.clone / source if source.startswith("./") else self.volume(source)
        if service.name == "secrets":  # whose volumes are one folder, and whose folders one clone
            places |= {"/secrets": self._all_secrets(service), "/clone": self.clone}
        return places

    def _all_secrets(self, service: Service) -> Path:
        folder = self.folder / "secrets"
        folder.mkdir(exist_ok=True)
        for place, source in service.mounts.items():
            if place.startswith("/secrets/"):
                link = folder / place.removeprefix("/secrets/")
                if not link.exists():
                    link.symlink_to(self.volume(source))
        return folder

    @cached_property
    def _address(self) -> re.Pattern[str]:
        names = "|".join(sorted(self.file.services, key=len, reverse=True))
        return re.compile(rf"(?<![\w.-])({names}):(\d+)\b")

"""The container engines that images are run with, behind one interface: docker and podman, which are alike, and buildah."""

import json
import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from harness.fleet import ROOT

Done = subprocess.CompletedProcess[str]
_OWN_UID = "10001"


@dataclass(frozen=True)
class Mount:
    """A folder or file of this machine's at a path of the container's."""

    source: Path
    target: str
    read_only: bool = False

    @property
    def option(self) -> str:
        return f"{self.source}:{self.target}{':ro' if self.read_only else ''}"


class Engine(ABC):
    """Containers are on the machine's own network, and have the image's user, command and environment.

    Methods raise subprocess.CalledProcessError, with what the engine said in its notes, where the engine refuses.
    """

    def __init__(self, program: str) -> None:
        self.program = program

    @abstractmethod
    def has(self, image: str) -> bool: ...

    @abstractmethod
    def command(self, image: str) -> list[str]:
        """Its CMD."""

    @abstractmethod
    def health_check(self, image: str) -> list[str]:
        """The command of its HEALTHCHECK."""

    @abstractmethod
    def create(self, name: str, image: str) -> None:
        """What must be there before `run`."""

    @abstractmethod
    def run(
        self, name: str, image: str, command: Sequence[str], variables: Mapping[str, str], mounts: Sequence[Mount]
    ) -> list[str]:
        """The command line that runs it in the foreground, and ends with its exit status.

        It must be given `environment_of_engines(variables)`: arguments are seen by everyone, so only buildah, which takes
        them in no other way, has the values there.
        """

    @abstractmethod
    def execute(self, name: str, command: Sequence[str], variables: Mapping[str, str]) -> Done:
        """Runs another command in it, as the image's user, with the service's environment."""

    @abstractmethod
    def stop(self, name: str, runner: int) -> None:
        """Asks the service to end, by SIGTERM; `runner` is the process id of `run`'s command."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Whether it runs, exists or not."""

    @abstractmethod
    def is_root_untouched(self, name: str) -> bool:
        """Nothing of its root was written but /tmp."""

    def ask(self, *arguments: str) -> str:
        done = _done([self.program, *arguments])
        if done.returncode != 0:
            error = subprocess.CalledProcessError(done.returncode, done.args)
            error.add_note(done.stderr)
            raise error
        return done.stdout

    def _succeeds(self, *arguments: str) -> bool:
        return _done([self.program, *arguments]).returncode == 0


class Docker(Engine):
    """Docker or podman: the service is process 1 without any capability, its root is read-only, /tmp a tmpfs."""

    def has(self, image: str) -> bool:
        return self._succeeds("image", "inspect", image)

    def command(self, image: str) -> list[str]:
        return list(self._image(image)["Config"]["Cmd"])

    def health_check(self, image: str) -> list[str]:
        inspected = self._image(image)
        check = inspected["Config"].get("Healthcheck") or inspected["Healthcheck"]
        return list(check["Test"][1:])

    def create(self, name: str, image: str) -> None:
        pass

    def run(
        self, name: str, image: str, command: Sequence[str], variables: Mapping[str, str], mounts: Sequence[Mount]
    ) -> list[str]:
        return [
            *(self.program, "run", "--name", name, "--pull", "never", "--network", "host"),
            *("--read-only", "--tmpfs", "/tmp:rw,noexec,nosuid,nodev"),  # noqa: S108 - the container's own
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *_options(variables, mounts),
            *(image, *command),
        ]

    def execute(self, name: str, command: Sequence[str], variables: Mapping[str, str]) -> Done:  # noqa: ARG002 - it has them
        return _done([self.program, "exec", name, *command])

    def stop(self, name: str, runner: int) -> None:  # noqa: ARG002 - the other engine's
        self.ask("kill", "--signal", "TERM", name)

    def remove(self, name: str) -> None:
        self._succeeds("kill", name)  # else podman asks first, and waits
        self._succeeds("rm", "--force", name)

    def is_root_untouched(self, name: str) -> bool:
        code = "import os; print(os.statvfs('/').f_flag & os.ST_RDONLY)"
        return self.ask("exec", name, "python", "-c", code).strip() != "0"

    def _image(self, image: str) -> dict[str, Any]:
        return dict(json.loads(self.ask("image", "inspect", image))[0])


class Buildah(Engine):
    """Buildah is no engine for services, but where nothing else works it runs an image's own files under its user.

    Three things differ from an engine, under BUILDAH_ISOLATION=chroot above all:

    - the service is not process 1 but a child of buildah's, which passes no signal on: SIGTERM is sent to the service
      itself;
    - the root can be written to. What holds there is that the image's user owns nothing of it and could only make new
      files: none of that user's may be there afterwards;
    - /tmp is the container's own, on disk.
    """

    def has(self, image: str) -> bool:
        return self._succeeds("inspect", "--type", "image", image)

    def command(self, image: str) -> list[str]:
        return list(self._image(image)["config"]["Cmd"])

    def health_check(self, image: str) -> list[str]:
        return list(self._image(image)["config"]["Healthcheck"]["Test"][1:])

    def create(self, name: str, image: str) -> None:
        self.ask("from", "--pull-never", "--name", name, image)

    def run(
        self, name: str, image: str, command: Sequence[str], variables: Mapping[str, str], mounts: Sequence[Mount]
    ) -> list[str]:
        options = _options([f"{variable}={value}" for variable, value in variables.items()], mounts)
        return [self.program, "run", "--network", "host", *options, name, "--", *(command or self.command(image))]

    def execute(self, name: str, command: Sequence[str], variables: Mapping[str, str], user: str = "") -> Done:
        """By way of files: under chroot, buildah may end before it has passed on what was printed."""
        with TemporaryDirectory() as folder:
            Path(folder).chmod(0o777)
            printing = ["sh", "-c", 'exec "$@" >/printed/out 2>/printed/err', "sh", *command]
            line = self.run(name, "", printing, variables, [Mount(Path(folder), "/printed")])
            done = _done([*line[:2], *(["--user", user] if user else []), *line[2:]])
            printed = [Path(folder, file) for file in ("out", "err")]
            if all(file.exists() for file in printed):
                done.stdout, done.stderr = (file.read_text() for file in printed)
            return done

    def stop(self, name: str, runner: int) -> None:  # noqa: ARG002 - the other engine's
        self._service(runner).terminate()

    def remove(self, name: str) -> None:
        self._succeeds("rm", name)

    def is_root_untouched(self, name: str) -> bool:
        # The service's mounts are in its own mount namespace, not in this command's.
        places = ("/proc", "/sys", "/dev", "/tmp", "/printed")  # noqa: S108 - the container's own
        pruned = [part for place in places for part in ("-path", place, "-prune", "-o")]
        found = self.execute(name, ["find", "/", *pruned, "-user", _OWN_UID, "-print"], {}, user="0")
        return found.returncode == 0 and not found.stdout

    def _service(self, runner: int) -> psutil.Process:
        """The first below buildah's own."""
        process = psutil.Process(runner)
        while process.pid == runner or process.cmdline()[0].startswith("buildah"):
            (process,) = process.children()
        return process

    def _image(self, image: str) -> dict[str, Any]:
        return dict(json.loads(self.ask("inspect", "--type", "image", image))["Docker"])


def _done(line: Sequence[str]) -> Done:
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)


def _options(variables: Iterable[str], mounts: Sequence[Mount]) -> list[str]:
    given = [("--env", variable) for variable in variables] + [("--volume", mount.option) for mount in mounts]
    return [part for option in given for part in option]


def chosen_engine() -> Engine:
    """The one that deploy/engine says, as `make images` does. Raises RuntimeError where none works."""
    done = subprocess.run(["deploy/engine"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    program = done.stdout.strip()
    return Buildah(program) if program == "buildah" else Docker(program)


def environment_of_engines(variables: Mapping[str, str]) -> dict[str, str]:
    """What an engine's command is given: this process's own without `FANFARE_*` settings, and the container's variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FANFARE_")} | dict(variables)

import os
from pathlib import Path

import pytest

from fanfare_native import programs
from fanfare_native.errors import StackError
from fanfare_native.programs import EPMD, POSTGRESQL, RABBITMQ, REDIS, Server


@pytest.mark.parametrize("server", [POSTGRESQL, RABBITMQ, REDIS, EPMD], ids=lambda server: server.package)
def test_servers_are_found_when_path_hides_them(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    assert server.find() is not None


def test_newest_version_is_found_first(tmp_path: Path) -> None:
    for version in ("9", "15", "17"):
        program = tmp_path / version / "bin" / "fanfare-no-such-server"
        program.parent.mkdir(parents=True)
        program.touch(mode=0o755)
    server = Server("none", ("fanfare-no-such-server",), (f"{str(tmp_path)[1:]}/*/bin",))

    assert server.find() == tmp_path / "17" / "bin"


def test_packages_are_named_when_they_cannot_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 65534)
    monkeypatch.setattr(programs, "_STANDARD", ("/nonexistent",))
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(StackError, match=r"install these packages first: fanfare-no-such-package"):
        programs.ensure(Server("fanfare-no-such-package", ("fanfare-no-such-server",)))

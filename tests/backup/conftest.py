"""A database restored with the runbook's own commands."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from fanfare_native import programs
from fanfare_shared.settings import DatabaseSettings
from fanfare_shared.testing.databases import empty_database
from fanfare_shared.testing.environment import ServerAddresses
from harness.fleet import ROOT
from harness.runbooks import block

_PAGE = "backup-and-restore.md"


@dataclass(frozen=True)
class Runbook:
    """Runs the named blocks of the page as an operator would, at the root of the checkout."""

    environment: dict[str, str]

    def run(self, *names: str) -> str:
        """What they print."""
        if "restore" in names:
            self._make_room()
        done = subprocess.run(
            ["bash", "-euc", "\n".join(block(_PAGE, name) for name in names)],
            env=os.environ | self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def _make_room(self) -> None:
        """An empty database has kept the name until now."""
        name = urlsplit(self.environment["RESTORED"]).path[1:]
        with psycopg.connect(self.environment["FANFARE_DATABASE_URL"], autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


MakeRunbook = Callable[[DatabaseSettings], Runbook]


@pytest.fixture
def restored(server_addresses: ServerAddresses) -> Iterator[DatabaseSettings]:
    """Where the runbook restores to; dropped at the end."""
    with empty_database(server_addresses.database_url.get_secret_value()) as settings:
        yield settings


@pytest.fixture
def runbook_of(restored: DatabaseSettings, tmp_path: Path) -> MakeRunbook:
    """The runbook for an operator of this ledger, who restores into `restored`."""
    programs.ensure(programs.POSTGRESQL)  # brings pg_dump, pg_restore and psql

    def make(ledger: DatabaseSettings) -> Runbook:
        return Runbook(
            {
                "PATH": programs.search_path(),
                "BACKUP": str(tmp_path / "ledger.dump"),
                "FANFARE_DATABASE_URL": ledger.database_url.get_secret_value(),
                "RESTORED": restored.database_url.get_secret_value(),
            }
        )

    return make

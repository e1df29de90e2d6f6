"""A second client of the ledger, for what only two can show."""

from collections.abc import Iterator

import pytest

from fanfare_shared.db.connection import Ledger
from fanfare_shared.settings import DatabaseSettings


@pytest.fixture
def ledger_two(database_settings: DatabaseSettings) -> Iterator[Ledger]:
    ledger = Ledger(database_settings, "tests-two")
    yield ledger
    ledger.close()

"""The settings of the daily work on the session's own servers."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from fanfare_orchestrator.schedule.settings import MaintenanceSettings
from fanfare_shared.settings import DatabaseSettings


@pytest.fixture
def maintenance(database_settings: DatabaseSettings, redis_url: str) -> Callable[..., MaintenanceSettings]:
    def make(**settings: Any) -> MaintenanceSettings:
        return MaintenanceSettings(
            database_url=database_settings.database_url, redis_url=SecretStr(redis_url), **settings
        )

    return make

"""Settings that are refused."""

import pytest
from pydantic import ValidationError

from fanfare_shared.settings import DatabaseSettings, WorkerSettings


def test_a_setting_that_is_refused_is_not_shown_for_it_may_hold_a_password() -> None:
    with pytest.raises(ValidationError, match="give a PostgreSQL address") as refused:
        DatabaseSettings.model_validate({"database_url": "mysql://fanfare:hunter2@localhost/fanfare"})
    assert "hunter2" not in str(refused.value)


def test_metrics_that_would_leave_out_the_children_are_refused() -> None:
    with pytest.raises(ValidationError, match="FANFARE_METRICS_DIR"):
        WorkerSettings.model_validate({"metrics_port": 9400})

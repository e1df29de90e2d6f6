"""The daily schedule's table, its settings, and its clock."""

from datetime import UTC, datetime, time

import pytest
from pydantic import ValidationError

from fanfare_shared.schedule import HEALTH_CHECK, SCHEDULE, ScheduleSettings


def test_every_work_has_a_setting_and_every_setting_a_work() -> None:
    fields = {name for name in ScheduleSettings.model_fields if name.startswith("schedule_")}
    assert fields == {work.field for work in SCHEDULE}
    settings = ScheduleSettings()
    assert all(settings.time_of(work) == work.default_time for work in SCHEDULE)


def test_a_time_is_set_by_the_works_own_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HEALTH_CHECK.setting, "23:45")
    assert ScheduleSettings().time_of(HEALTH_CHECK) == time(23, 45)
    monkeypatch.setenv(HEALTH_CHECK.setting, "25:00")
    with pytest.raises(ValidationError, match="schedule_health_check"):
        ScheduleSettings()


def test_the_last_and_the_next_run_are_a_day_apart_around_now() -> None:
    settings = ScheduleSettings(schedule_health_check=time(6, 0))
    at_six = datetime(2026, 5, 1, 6, 0, tzinfo=UTC)
    assert settings.last_due(HEALTH_CHECK, at_six) == at_six
    assert settings.next_due(HEALTH_CHECK, at_six) == at_six.replace(day=2)
    before = at_six.replace(hour=5, minute=59)
    assert settings.last_due(HEALTH_CHECK, before) == datetime(2026, 4, 30, 6, 0, tzinfo=UTC)
    assert settings.next_due(HEALTH_CHECK, before) == at_six


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (datetime(2026, 1, 15, 12, tzinfo=UTC), datetime(2026, 1, 15, 1, 30, tzinfo=UTC)),  # winter: UTC+1
        (datetime(2026, 7, 15, 12, tzinfo=UTC), datetime(2026, 7, 15, 0, 30, tzinfo=UTC)),  # summer: UTC+2
        (datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # 02:30 does not exist
        (datetime(2026, 10, 25, 12, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # 02:30 comes twice
    ],
)
def test_times_are_wall_clock_times_of_the_timezone(now: datetime, due: datetime) -> None:
    settings = ScheduleSettings(timezone="Europe/Berlin", schedule_health_check=time(2, 30))
    assert settings.last_due(HEALTH_CHECK, now) == due


def test_an_unknown_timezone_is_refused() -> None:
    with pytest.raises(ValidationError, match="IANA"):
        ScheduleSettings(timezone="Mars/Olympus")

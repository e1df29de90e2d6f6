"""The daily work's JSON shape."""

from datetime import datetime
from typing import Any

from fanfare_api.http.schemas import Shown


class ScheduleRunShown(Shown):
    due_at: datetime
    status: str
    started_at: datetime
    finished_at: datetime | None
    result: dict[str, Any] | None
    error: str | None


class ScheduleShown(Shown):
    """`time` is wall-clock time (HH:MM) in `timezone`, set by the setting of that name. `last_runs`: newest first."""

    name: str
    description: str
    setting: str
    time: str
    timezone: str
    next_due_at: datetime
    last_runs: list[ScheduleRunShown]


class Schedules(Shown):
    items: list[ScheduleShown]

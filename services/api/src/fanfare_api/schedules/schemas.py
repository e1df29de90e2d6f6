"""The daily work's JSON shape."""

from datetime import datetime
from typing import Any

from pydantic import Field, StrictBool

from fanfare_api.http.schemas import RequestBody, Shown


class ScheduleRunShown(Shown):
    """`due_at` tells the runs of a work apart. `result` of a dry run is what the work would have done."""

    due_at: datetime
    status: str
    dry_run: bool
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


class RunRequest(RequestBody):
    dry_run: StrictBool = Field(default=False, description="Only say what would be done")


class RunAccepted(Shown):
    """The run appears among the work's runs, with this `due_at`, when it begins."""

    name: str
    due_at: datetime
    dry_run: bool

"""`GET /v1/schedules`."""

from collections import defaultdict
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.auth.dependencies import Admin
from fanfare_api.http.transactions import LedgerRoute, SessionDep
from fanfare_api.runtime import runtime_of
from fanfare_api.schedules.schemas import ScheduleRunShown, Schedules, ScheduleShown
from fanfare_shared.db.tables import ScheduleRun
from fanfare_shared.schedule import SCHEDULE

router = APIRouter(prefix="/v1/schedules", tags=["operators"], route_class=LedgerRoute)

_LAST_RUNS = 7


@router.get("", summary="Show the daily work and its last runs")
async def find(request: Request, session: SessionDep, _caller: Admin) -> Schedules:
    """The daily work, each with its time, when it runs next, and its last runs."""
    settings, now = runtime_of(request).settings, datetime.now(UTC)
    runs = await _last_runs(session)
    return Schedules(
        items=[
            ScheduleShown(
                name=work.name,
                description=work.description,
                setting=work.setting,
                time=f"{settings.time_of(work):%H:%M}",
                timezone=settings.timezone,
                next_due_at=settings.next_due(work, now),
                last_runs=runs[work.name],
            )
            for work in SCHEDULE
        ]
    )


async def _last_runs(session: AsyncSession) -> dict[str, list[ScheduleRunShown]]:
    statement = select(ScheduleRun).order_by(col(ScheduleRun.due_at).desc()).limit(_LAST_RUNS * len(SCHEDULE))
    runs: dict[str, list[ScheduleRunShown]] = defaultdict(list)
    for run in await session.exec(statement):
        runs[run.name].append(ScheduleRunShown.model_validate(run))
    return runs

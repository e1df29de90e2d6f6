"""`GET /v1/schedules`, `POST /v1/schedules/{name}/run` and `GET /v1/schedules/{name}/runs`."""

import asyncio
from collections import defaultdict
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response, status
from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.audit.trail import record
from fanfare_api.auth.dependencies import Admin
from fanfare_api.http.idempotency import Idempotent
from fanfare_api.http.pagination import Page, PageDep, fetch_page
from fanfare_api.http.transactions import LedgerRoute, SessionDep
from fanfare_api.runtime import runtime_of
from fanfare_api.schedules.schemas import RunAccepted, RunRequest, ScheduleRunShown, Schedules, ScheduleShown
from fanfare_shared.contracts.messages import RunScheduled
from fanfare_shared.db.tables import ScheduleRun
from fanfare_shared.errors import NotFoundError
from fanfare_shared.schedule import SCHEDULE, ScheduledWork
from fanfare_shared.worker.publisher import Publisher

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


def _work(name: str) -> ScheduledWork:
    """Raises NotFoundError."""
    for work in SCHEDULE:
        if work.name == name:
            return work
    raise NotFoundError(f"There is no daily work {name}; there are {', '.join(work.name for work in SCHEDULE)}")


@router.post("/{name}/run", status_code=status.HTTP_202_ACCEPTED, dependencies=[Idempotent], summary="Run it now")
async def run(
    name: str,
    request: Request,
    response: Response,
    session: SessionDep,
    caller: Admin,
    body: RunRequest | None = None,
) -> RunAccepted:
    """A run beside the daily ones. It is no row before it begins, so while RabbitMQ does not answer this is a 503."""
    work = _work(name)
    now: datetime = (await session.exec(select(func.now()))).one()
    dry_run = body is not None and body.dry_run
    detail = {"dry_run": dry_run, "due_at": now.isoformat()}
    await record(session, request, caller, "schedule.run", work.name, detail=detail)
    message = RunScheduled(name=work.name, due_at=now, dry_run=dry_run, request_id=request.state.request_id)
    await asyncio.to_thread(Publisher(runtime_of(request).broker).publish, message)
    response.headers["Location"] = f"/v1/schedules/{work.name}/runs"
    return RunAccepted(name=work.name, due_at=now, dry_run=dry_run)


@router.get("/{name}/runs", summary="List the runs")
async def list_runs(name: str, session: SessionDep, _caller: Admin, page: PageDep) -> Page[ScheduleRunShown]:
    """The newest first. They are kept as long as the audit log."""
    statement = select(ScheduleRun).where(ScheduleRun.name == _work(name).name)
    runs, next_cursor = await fetch_page(session, statement, ScheduleRun.due_at, page)
    return Page(items=[ScheduleRunShown.model_validate(run) for run in runs], next_cursor=next_cursor)


async def _last_runs(session: AsyncSession) -> dict[str, list[ScheduleRunShown]]:
    """The last of each: one that was run by hand many times does not hide the others'."""
    newest = func.row_number().over(partition_by=col(ScheduleRun.name), order_by=col(ScheduleRun.due_at).desc())
    ranked = select(col(ScheduleRun.name), col(ScheduleRun.due_at), newest.label("place")).subquery()
    statement = (
        select(ScheduleRun)
        .join(ranked, (col(ScheduleRun.name) == ranked.c.name) & (col(ScheduleRun.due_at) == ranked.c.due_at))
        .where(ranked.c.place <= _LAST_RUNS)
        .order_by(col(ScheduleRun.due_at).desc())
    )
    runs: dict[str, list[ScheduleRunShown]] = defaultdict(list)
    for run in await session.exec(statement):
        runs[run.name].append(ScheduleRunShown.model_validate(run))
    return runs

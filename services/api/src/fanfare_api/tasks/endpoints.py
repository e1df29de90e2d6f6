"""`GET /v1/tasks/{id}`."""

import asyncio
import time
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from fanfare_api.auth.caller import Caller
from fanfare_api.auth.dependencies import Reader
from fanfare_api.http.transactions import LedgerRoute
from fanfare_api.runtime import Runtime, runtime_of
from fanfare_api.tasks.repository import read_task
from fanfare_api.tasks.schemas import TaskShown

router = APIRouter(prefix="/v1/tasks", tags=["tasks"], route_class=LedgerRoute)

_POLL_SECONDS = 0.25


@router.get("/{task_id}", summary="Show a task, or wait for its end")
async def get(
    task_id: UUID,
    request: Request,
    caller: Reader,
    wait: Annotated[
        float,
        Query(ge=0, le=30, description="Seconds to wait for a final status before answering with the present one"),
    ] = 0,
) -> TaskShown:
    """How far the work is that a 202 promised."""
    runtime, deadline = runtime_of(request), time.monotonic() + wait
    task = await _look(runtime, caller, task_id)
    while not task.is_final and time.monotonic() < deadline and not await request.is_disconnected():
        if await _stopped_within(runtime, min(_POLL_SECONDS, deadline - time.monotonic())):
            break
        task = await _look(runtime, caller, task_id)
    return task


async def _look(runtime: Runtime, caller: Caller, task_id: UUID) -> TaskShown:
    """A session a look, so that whoever waits holds no connection meanwhile."""
    async with runtime.sessions() as session:
        return await read_task(session, caller, task_id)


async def _stopped_within(runtime: Runtime, seconds: float) -> bool:
    try:
        await asyncio.wait_for(runtime.stopping.wait(), max(0.0, seconds))
    except TimeoutError:
        return False
    return True

"""`POST …/{id}/pause`, `/resume` and `/cancel`, for every kind of bulk job: the intent is committed, then 202."""

from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import APIRouter, Request, Response, status
from pydantic import BaseModel

from fanfare_api.audit.trail import record
from fanfare_api.auth.caller import Caller
from fanfare_api.bulk.control import Control
from fanfare_api.http.idempotency import Idempotent
from fanfare_api.http.transactions import LedgerRoute
from fanfare_shared.contracts.words import JobStatus

ControlT = TypeVar("ControlT", bound=Control[Any])


@dataclass(frozen=True)
class ControlRequest(Generic[ControlT]):
    """A request to control a job, whose row is locked. Subclasses say what the answer is."""

    request: Request
    response: Response
    caller: Caller
    control: ControlT

    async def accepted(self, name: str, status: JobStatus) -> BaseModel:
        """Notes what was done, and the answer."""
        raise NotImplementedError

    async def note(self, name: str, task_id: UUID, app_id: UUID | None = None) -> None:
        """Writes what was done to the audit log, and where to follow it."""
        job_id, action = self.control.job.id, f"{self.control.kind.name}.{name}"
        await record(self.control.session, self.request, self.caller, action, job_id, app_id=app_id)
        self.response.headers["Location"] = f"/v1/tasks/{task_id}"


def control_router(prefix: str, tag: str, asked: Any, answer: type[BaseModel]) -> APIRouter:
    """The routes under `prefix`, which has the job's id in it. `asked` is the dependency that gives the ControlRequest,
    `answer` what its `accepted` returns.
    """
    router = APIRouter(prefix=prefix, tags=[tag], route_class=LedgerRoute, dependencies=[Idempotent])
    accepted = status.HTTP_202_ACCEPTED

    @router.post("/pause", status_code=accepted, response_model=answer, summary="Pause")
    async def pause(asked: Annotated[ControlRequest[Any], asked]) -> BaseModel:
        """Nothing of it starts later than two seconds after this answer."""
        return await asked.accepted("pause", await asked.control.pause())

    @router.post("/resume", status_code=accepted, response_model=answer, summary="Go on")
    async def resume(asked: Annotated[ControlRequest[Any], asked]) -> BaseModel:
        return await asked.accepted("resume", await asked.control.resume())

    @router.post("/cancel", status_code=accepted, response_model=answer, summary="Cancel")
    async def cancel(asked: Annotated[ControlRequest[Any], asked]) -> BaseModel:
        """What was not begun yet ends `cancelled`. What never started at all is cancelled at once."""
        return await asked.accepted("cancel", await asked.control.cancel())

    return router

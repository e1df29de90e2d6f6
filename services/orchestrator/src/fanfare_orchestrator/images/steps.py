"""Image jobs, as the orchestrator handles them."""

from typing import Any
from uuid import UUID

from fanfare_orchestrator.bulk.steps import Planned, Steps
from fanfare_orchestrator.context import Context
from fanfare_orchestrator.images.dispatch import dispatch_job, dispatch_ready
from fanfare_orchestrator.images.drain import drain
from fanfare_orchestrator.images.following import follow
from fanfare_orchestrator.images.planning.plans import make_plan, take_plan
from fanfare_orchestrator.images.planning.windows import plan_window
from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.db.connection import Connection
from fanfare_shared.images.kind import IMAGE_JOBS


def _plan(context: Context, connection: Connection, job_id: UUID) -> Planned | None:
    make_plan(connection, job_id)
    plan = take_plan(connection, job_id)
    return None if plan is None else plan_window(connection, plan, context.settings)


def _ended(connection: Connection, job: dict[str, Any], ending: JobStatus) -> None:
    follow(connection, job, ending)


IMAGE_JOB_STEPS = Steps(
    kind=IMAGE_JOBS,
    plan=_plan,
    dispatch=dispatch_job,
    dispatch_ready=dispatch_ready,
    drain=drain,
    ended=_ended,
)

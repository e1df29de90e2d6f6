"""A task is no row of its own: it is a bulk job, a probe or a notification, and this is how each looks as one."""

from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.auth.caller import Caller
from fanfare_api.bulk.account import Account, AccountView
from fanfare_api.campaigns import stats as campaigns
from fanfare_api.image_jobs import stats as image_jobs
from fanfare_api.tasks.schemas import TaskShown
from fanfare_shared.contracts.words import JobStatus, TaskStatus
from fanfare_shared.db.tables import Notification, Probe
from fanfare_shared.errors import NotFoundError

JOB_STATUSES = {
    JobStatus.DRAFT: TaskStatus.PENDING,
    JobStatus.SCHEDULED: TaskStatus.PENDING,
    JobStatus.PROCESSING: TaskStatus.STARTED,
    JobStatus.PAUSED: TaskStatus.RETRY,
    JobStatus.CANCELLING: TaskStatus.STARTED,
    JobStatus.CANCELLED: TaskStatus.REVOKED,
    JobStatus.COMPLETED: TaskStatus.SUCCESS,
    JobStatus.FAILED: TaskStatus.FAILURE,
}
PROBE_KINDS = {
    "app_check": "app.check",
    "campaign_test": "campaign.test",
    "payload_verdict": "campaign.payload_verdict",
}


async def read_task(session: AsyncSession, caller: Caller, task_id: UUID) -> TaskShown:
    """Raises NotFoundError, also where the task is of an app that the key may not use. Image jobs are of no app."""
    app_id: UUID | None = None
    if (account := await campaigns.ACCOUNT.read(session, task_id)) is not None:
        app_id, task = account.row["app_id"], _of_job(campaigns.ACCOUNT, account, "send")
    elif (account := await image_jobs.ACCOUNT.read(session, task_id)) is not None:
        task = _of_job(image_jobs.ACCOUNT, account, account.row["operation"])
    elif (probe := await session.get(Probe, task_id)) is not None:
        app_id, task = probe.app_id, _of_probe(probe)
    elif (notification := await session.get(Notification, task_id)) is not None:
        app_id, task = notification.app_id, _of_notification(notification)
    else:
        raise NotFoundError(f"There is no task {task_id}")
    if app_id is not None and not caller.may_use(app_id):
        raise NotFoundError(f"There is no task {task_id}")
    return task


def _of_job(view: AccountView[Any], account: Account, does: str) -> TaskShown:
    row = account.row
    started = row["started_at"] is not None
    reason = row["error_code"] or row["pause_reason"]
    return TaskShown(
        task_id=account.job_id,
        kind=f"{view.kind.name}.{does}",
        status=JOB_STATUSES[account.status],
        attempts=int(started),
        result=view.present(account, None).model_dump(mode="json") if started else None,
        error={"code": reason, "message": row["error_message"]} if reason else None,
    )


def _of_probe(probe: Probe) -> TaskShown:
    return TaskShown(
        task_id=probe.id,
        kind=PROBE_KINDS[probe.kind],
        status=TaskStatus(probe.status),
        attempts=probe.attempts,
        result=probe.result,
        error=probe.error,
    )


def _of_notification(notification: Notification) -> TaskShown:
    delivered = notification.delivered_at
    return TaskShown(
        task_id=notification.id,
        kind=f"notification.{notification.kind}",
        status=TaskStatus(notification.status),
        attempts=notification.attempts,
        result={"event": notification.event, "delivered_at": delivered.isoformat()} if delivered is not None else None,
        error={"code": "DELIVERY_FAILED", "message": notification.last_error} if notification.last_error else None,
    )

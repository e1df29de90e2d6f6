"""`/v1/apps`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from sqlmodel import col, select

from fanfare_api.apps import repository, service
from fanfare_api.apps.schemas import AppCreate, AppCreated, AppShown, AppUpdate, CheckStarted
from fanfare_api.audit.trail import record
from fanfare_api.auth.dependencies import Admin, Reader
from fanfare_api.http.idempotency import Idempotent
from fanfare_api.http.pagination import Page, PageDep, fetch_page
from fanfare_api.http.transactions import HintsDep, LedgerRoute, SessionDep
from fanfare_api.runtime import Runtime, runtime_of
from fanfare_shared.contracts.messages import RunProbe
from fanfare_shared.contracts.words import TaskStatus
from fanfare_shared.db.tables import App

router = APIRouter(prefix="/v1/apps", tags=["apps"], route_class=LedgerRoute)

RuntimeDep = Annotated[Runtime, Depends(runtime_of)]


@router.post("", status_code=201, dependencies=[Idempotent], summary="Add an app: one Firebase project")
async def create_app(
    body: AppCreate, request: Request, response: Response, caller: Admin, session: SessionDep, runtime: RuntimeDep
) -> AppCreated:
    app, webhook_secret = await service.create_app(session, runtime, body)
    detail = {
        "name": app.name,
        "firebase_project_id": app.firebase_project_id,
        "quota_per_minute": app.quota_per_minute,
    }
    await record(session, request, caller, "app.create", app.id, app_id=app.id, detail=detail)
    response.headers["Location"] = f"/v1/apps/{app.id}"
    return AppCreated(**AppShown.model_validate(app).model_dump(), webhook_secret=webhook_secret)


@router.get("", summary="List the apps this key may use")
async def list_apps(caller: Reader, session: SessionDep, page: PageDep) -> Page[AppShown]:
    statement = select(App)
    if caller.app_ids is not None:
        statement = statement.where(col(App.id).in_(caller.app_ids))
    rows, next_cursor = await fetch_page(session, statement, col(App.id), page)
    return Page(items=[AppShown.model_validate(row) for row in rows], next_cursor=next_cursor)


@router.get("/{app_id}", summary="Show an app, without its credentials")
async def get_app(app_id: UUID, caller: Reader, session: SessionDep) -> AppShown:
    return AppShown.model_validate(await repository.get_app(session, caller, app_id))


@router.patch("/{app_id}", summary="Change an app's name, quota or credentials")
async def update_app(
    app_id: UUID, body: AppUpdate, request: Request, caller: Admin, session: SessionDep, runtime: RuntimeDep
) -> AppShown:
    app = await service.update_app(session, runtime, caller, app_id, body)
    detail = body.model_dump(include={"name", "quota_per_minute", "credentials_secret"}, exclude_none=True)
    if body.credentials is not None:
        detail["credentials"] = "replaced"
    await record(session, request, caller, "app.update", app_id, app_id=app_id, detail=detail)
    return AppShown.model_validate(app)


@router.post(
    "/{app_id}/check",
    status_code=202,
    dependencies=[Idempotent],
    summary="See whether the app's credentials work: one `validate_only` send, as a task",
)
async def check_app(
    app_id: UUID, request: Request, response: Response, caller: Admin, session: SessionDep, hints: HintsDep
) -> CheckStarted:
    await repository.get_app(session, caller, app_id)
    task_id = await repository.insert_check(session, app_id)
    await record(session, request, caller, "app.check", app_id, app_id=app_id, detail={"task_id": str(task_id)})
    hints.append(RunProbe(probe_id=task_id, request_id=request.state.request_id))
    response.headers["Location"] = f"/v1/tasks/{task_id}"
    return CheckStarted(task_id=task_id, status=TaskStatus.PENDING)

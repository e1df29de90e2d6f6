"""`/v1/api-keys`, for operators."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from sqlmodel import col, select

from fanfare_api.api_keys import service
from fanfare_api.api_keys.schemas import ApiKeyCreate, ApiKeyCreated, ApiKeyShown
from fanfare_api.audit.trail import record
from fanfare_api.auth.dependencies import Admin
from fanfare_api.http.idempotency import Idempotent
from fanfare_api.http.pagination import Page, PageDep, fetch_page
from fanfare_api.http.transactions import AfterCommitDep, LedgerRoute, SessionDep
from fanfare_api.runtime import Runtime, runtime_of
from fanfare_shared.db.tables import ApiKey

router = APIRouter(prefix="/v1/api-keys", tags=["API keys"], route_class=LedgerRoute)

RuntimeDep = Annotated[Runtime, Depends(runtime_of)]


@router.post("", status_code=201, dependencies=[Idempotent], summary="Make a key; the answer shows it, once")
async def create_api_key(
    body: ApiKeyCreate,
    request: Request,
    caller: Admin,
    session: SessionDep,
    runtime: RuntimeDep,
    after_commit: AfterCommitDep,
) -> ApiKeyCreated:
    row, key = await service.create_key(session, caller, body)
    detail = {"name": row.name, "scopes": row.scopes, "app_ids": row.app_ids}
    await record(session, request, caller, "api_key.create", row.id, detail=detail)
    after_commit.append(runtime.keys.forget)
    return ApiKeyCreated(**ApiKeyShown.model_validate(row).model_dump(), key=key)


@router.get("", summary="List keys, without the keys themselves")
async def list_api_keys(_caller: Admin, session: SessionDep, page: PageDep) -> Page[ApiKeyShown]:
    rows, next_cursor = await fetch_page(session, select(ApiKey), col(ApiKey.id), page)
    return Page(items=[ApiKeyShown.model_validate(row) for row in rows], next_cursor=next_cursor)


@router.delete("/{key_id}", status_code=204, summary="Revoke a key")
async def revoke_api_key(
    key_id: UUID,
    request: Request,
    caller: Admin,
    session: SessionDep,
    runtime: RuntimeDep,
    after_commit: AfterCommitDep,
) -> None:
    if await service.revoke_key(session, key_id):
        await record(session, request, caller, "api_key.revoke", key_id)
    after_commit.append(runtime.keys.forget)

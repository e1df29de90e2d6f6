"""`/v1/folders`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, status
from sqlmodel import col, select

from fanfare_api.audit.trail import record
from fanfare_api.auth.dependencies import ImageWriter, Reader
from fanfare_api.folders.repository import get_folder
from fanfare_api.folders.schemas import FolderChange, FolderCreate, FolderShown
from fanfare_api.folders.service import change_folder, create_folder, delete_folder
from fanfare_api.http.idempotency import Idempotent
from fanfare_api.http.pagination import Page, PageDep, fetch_page
from fanfare_api.http.transactions import LedgerRoute, SessionDep
from fanfare_shared.db.tables import Folder

router = APIRouter(prefix="/v1/folders", tags=["folders"], route_class=LedgerRoute)


@router.post("", status_code=status.HTTP_201_CREATED, dependencies=[Idempotent], summary="Make a folder")
async def create(
    body: FolderCreate, request: Request, response: Response, session: SessionDep, caller: ImageWriter
) -> FolderShown:
    """Uploads make the folders they name by themselves."""
    folder = await create_folder(session, caller, body)
    await record(session, request, caller, "folder.create", folder.id, detail={"path": folder.path})
    response.headers["Location"] = f"/v1/folders/{folder.id}"
    return FolderShown.model_validate(folder)


@router.get("", summary="List the folders in a folder")
async def find(
    session: SessionDep,
    _caller: Reader,
    page: PageDep,
    parent_id: Annotated[UUID | None, Query(description="The folder to look into; without it, the top")] = None,
) -> Page[FolderShown]:
    if parent_id is not None:
        await get_folder(session, parent_id)
    rows, next_cursor = await fetch_page(
        session, select(Folder).where(col(Folder.parent_id).is_not_distinct_from(parent_id)), col(Folder.id), page
    )
    return Page(items=[FolderShown.model_validate(row) for row in rows], next_cursor=next_cursor)


@router.get("/{folder_id}", summary="Show a folder")
async def get(folder_id: UUID, session: SessionDep, _caller: Reader) -> FolderShown:
    return FolderShown.model_validate(await get_folder(session, folder_id))


@router.patch("/{folder_id}", summary="Rename or move a folder")
async def change(
    folder_id: UUID, body: FolderChange, request: Request, session: SessionDep, caller: ImageWriter
) -> FolderShown:
    """With everything in it. 409 where the place is taken, or below the folder itself."""
    folder = await change_folder(session, folder_id, body)
    await record(session, request, caller, "folder.change", folder_id, detail={"path": folder.path})
    return FolderShown.model_validate(folder)


@router.delete("/{folder_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Delete an empty folder")
async def delete(folder_id: UUID, request: Request, session: SessionDep, caller: ImageWriter) -> None:
    folder = await delete_folder(session, folder_id)
    await record(session, request, caller, "folder.delete", folder_id, detail={"path": folder.path})

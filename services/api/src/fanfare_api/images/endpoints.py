"""`/v1/images`: finding, renaming, moving and trashing images."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, status
from sqlalchemy import func

from fanfare_api.audit.trail import record
from fanfare_api.auth.dependencies import ImageWriter, Reader
from fanfare_api.folders.names import checked_path
from fanfare_api.folders.repository import ensure_paths, find_paths, get_folder, path_of
from fanfare_api.http.pagination import Page, PageDep
from fanfare_api.http.transactions import LedgerRoute, SessionDep
from fanfare_api.images.repository import ImageFilter, get_image, list_images, show_image
from fanfare_api.images.schemas import ImageChange, ImageShown
from fanfare_shared.contracts.words import ImageStatus
from fanfare_shared.errors import InvalidRequestError, NotFoundError
from fanfare_shared.images.file_names import checked_name

router = APIRouter(prefix="/v1/images", tags=["images"], route_class=LedgerRoute)

InTrash = Annotated[bool, Query(description="Look into the trash, and there alone")]


@router.get("", summary="List images")
async def find(
    session: SessionDep,
    _caller: Reader,
    page: PageDep,
    folder: Annotated[str | None, Query(description="Only those in the folder of this path; empty: at the top")] = None,
    folder_id: Annotated[UUID | None, Query(description="Only those in this folder")] = None,
    recursive: Annotated[bool, Query(description="And those in the folders below it")] = False,
    owner: Annotated[str | None, Query(description="Only this owner's")] = None,
    status: Annotated[ImageStatus | None, Query(description="Only those of this status")] = None,
    name: Annotated[
        str | None, Query(description="Only those of this name; with a `*` at its end, those that begin so")
    ] = None,
    trashed: InTrash = False,
) -> Page[ImageShown]:
    """Newest first. An unknown folder is a 404."""
    if folder is not None and folder_id is not None:
        raise InvalidRequestError("folder: give folder or folder_id, not both")
    at_top, below = False, None
    if folder is not None and (path := checked_path(folder)):
        folder_id = (await find_paths(session, [path])).get(path)
        if folder_id is None:
            raise NotFoundError(f"There is no folder {path}")
    elif folder is not None:
        at_top = not recursive
    if folder_id is not None:
        found = await get_folder(session, folder_id)
        if recursive:
            below, folder_id = found.path, None
    wanted = ImageFilter(folder_id, at_top, below, owner, status, name, trashed)
    items, next_cursor = await list_images(session, page, wanted)
    return Page(items=items, next_cursor=next_cursor)


@router.get("/{image_id}", summary="Show an image")
async def get(image_id: UUID, session: SessionDep, _caller: Reader, trashed: InTrash = False) -> ImageShown:
    return await show_image(session, await get_image(session, image_id, trashed=trashed))


@router.patch("/{image_id}", summary="Rename or move an image")
async def change(
    image_id: UUID, body: ImageChange, request: Request, session: SessionDep, caller: ImageWriter
) -> ImageShown:
    """Its variants are downloaded under the new name from then on."""
    image = await get_image(session, image_id, lock=True)
    if body.name is not None:
        image.name = checked_name(body.name)
    if body.folder is not None:
        path = checked_path(body.folder)
        image.folder_id = (await ensure_paths(session, caller, [path])).get(path)
    elif "folder" in body.model_fields_set:
        image.folder_id = None
    elif "folder_id" in body.model_fields_set:
        if body.folder_id is not None:
            await path_of(session, body.folder_id)
        image.folder_id = body.folder_id
    image.sqlmodel_update({"updated_at": func.now()})
    await session.flush()
    await session.refresh(image, ["updated_at"])
    await record(session, request, caller, "image.change", image_id, detail={"fields": sorted(body.model_fields_set)})
    return await show_image(session, image)


@router.delete("/{image_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Put an image into the trash")
async def trash(image_id: UUID, request: Request, session: SessionDep, caller: ImageWriter) -> None:
    """It can be restored from there by an image job until the trash is emptied."""
    image = await get_image(session, image_id, lock=True)
    image.sqlmodel_update({"trashed_at": func.now(), "updated_at": func.now()})
    await session.flush()
    await record(session, request, caller, "image.trash", image_id)

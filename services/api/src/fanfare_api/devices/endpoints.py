"""`/v1/devices`, one at a time."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from sqlmodel import col

from fanfare_api.apps.repository import get_app
from fanfare_api.audit.trail import record
from fanfare_api.auth.dependencies import DeviceWriter, Reader
from fanfare_api.devices import repository
from fanfare_api.devices.rules import MAX_USER_ID_CHARACTERS
from fanfare_api.devices.schemas import DeviceRegistration, DevicesDeleted, DeviceShown
from fanfare_api.http.pagination import Page, PageDep, fetch_page
from fanfare_api.http.transactions import LedgerRoute, SessionDep
from fanfare_shared.db.tables import Device

router = APIRouter(prefix="/v1/devices", tags=["devices"], route_class=LedgerRoute)

DeviceId = Annotated[int, Path(ge=1, lt=2**63)]
UserId = Annotated[str, Query(min_length=1, max_length=MAX_USER_ID_CHARACTERS)]


@router.put("", summary="Register a device, or register it again")
async def register_device(
    body: DeviceRegistration, request: Request, caller: DeviceWriter, session: SessionDep
) -> DeviceShown:
    """A device is recognised by its token. Registering it again updates and reactivates it."""
    await get_app(session, caller, body.app_id)
    device = await repository.upsert_device(session, body)
    await record(session, request, caller, "device.register", device.id, app_id=body.app_id)
    return DeviceShown.of(device)


@router.get("", summary="List devices, without their tokens")
async def list_devices(
    caller: Reader,
    session: SessionDep,
    page: PageDep,
    app_id: UUID | None = None,
    user_id: UserId | None = None,
    is_active: bool | None = None,
) -> Page[DeviceShown]:
    if app_id is not None:
        await get_app(session, caller, app_id)
    statement = repository.devices_of(caller, app_id, user_id, is_active=is_active)
    rows, next_cursor = await fetch_page(session, statement, col(Device.id), page)
    return Page(items=[DeviceShown.of(row) for row in rows], next_cursor=next_cursor)


@router.get("/{device_id}", summary="Show a device, without its token")
async def get_device(device_id: DeviceId, caller: Reader, session: SessionDep) -> DeviceShown:
    return DeviceShown.of(await repository.get_device(session, caller, device_id))


@router.delete("/{device_id}", status_code=204, summary="Delete a device")
async def delete_device(device_id: DeviceId, request: Request, caller: DeviceWriter, session: SessionDep) -> None:
    device = await repository.get_device(session, caller, device_id)
    await session.delete(device)
    await record(session, request, caller, "device.delete", device_id, app_id=device.app_id)


@router.delete("", summary="Delete a user's devices, in one app or in all")
async def delete_devices_of_user(
    request: Request, caller: DeviceWriter, session: SessionDep, user_id: UserId, app_id: UUID | None = None
) -> DevicesDeleted:
    if app_id is not None:
        await get_app(session, caller, app_id)
    deleted = await repository.delete_of_user(session, caller, app_id, user_id)
    detail = {"user_id": user_id, "deleted": deleted}
    await record(session, request, caller, "device.delete_of_user", user_id, app_id=app_id, detail=detail)
    return DevicesDeleted(deleted=deleted)

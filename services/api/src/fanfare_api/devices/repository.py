"""The statements on single devices."""

from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar
from sqlmodel.sql.expression import select as select_model

from fanfare_api.auth.caller import Caller
from fanfare_api.devices.schemas import DeviceRegistration
from fanfare_shared.crypto import token_digest
from fanfare_shared.db.tables import App, Device
from fanfare_shared.errors import NotFoundError


async def upsert_device(session: AsyncSession, registration: DeviceRegistration) -> Device:
    """Registering again reactivates, and counts as new for an answer about the token that is still on its way."""
    values = registration.model_dump() | {"token_digest": token_digest(registration.token)}
    changed = {name: values[name] for name in ("user_id", "token", "platform", "locale", "timezone", "tags")}
    renewed = {"is_active": True, "deactivated_at": None, "registered_at": func.now(), "updated_at": func.now()}
    upsert = (
        insert(Device)
        .values(values)
        .on_conflict_do_update(index_elements=["app_id", "token_digest"], set_=changed | renewed)
        .returning(Device)
    )
    return (await session.scalars(upsert, execution_options={"populate_existing": True})).one()


def devices_of(
    caller: Caller, app_id: UUID | None, user_id: str | None, *, is_active: bool | None
) -> SelectOfScalar[Device]:
    """The devices of the apps that the caller may use, filtered."""
    statement = select_model(Device)
    if app_id is not None:
        statement = statement.where(col(Device.app_id) == app_id)
    elif caller.app_ids is not None:
        statement = statement.where(col(Device.app_id).in_(caller.app_ids))
    if user_id is not None:
        statement = statement.where(col(Device.user_id) == user_id)
    if is_active is not None:
        statement = statement.where(col(Device.is_active).is_(is_active))
    return statement


async def get_device(session: AsyncSession, caller: Caller, device_id: int) -> Device:
    """Raises NotFoundError where there is none that this caller may use."""
    device = await session.get(Device, device_id)
    if device is None or not caller.may_use(device.app_id):
        raise NotFoundError(f"There is no device {device_id} that this API key may use")
    return device


async def delete_of_user(session: AsyncSession, caller: Caller, app_id: UUID | None, user_id: str) -> int:
    """How many there were, in one app or in every app that the caller may use."""
    if app_id is not None:
        app_ids = [app_id]
    elif caller.app_ids is not None:
        app_ids = list(caller.app_ids)
    else:
        app_ids = list((await session.scalars(select(col(App.id)))).all())
    statement = delete(Device).where(col(Device.app_id).in_(app_ids), col(Device.user_id) == user_id)
    return len((await session.execute(statement.returning(col(Device.id)))).all())

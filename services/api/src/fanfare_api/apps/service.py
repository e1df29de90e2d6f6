"""Making, changing and checking apps."""

from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.apps import repository
from fanfare_api.apps.credentials import checked_credentials
from fanfare_api.apps.schemas import AppCreate, AppUpdate
from fanfare_api.auth.caller import Caller
from fanfare_api.runtime import Runtime
from fanfare_shared.crypto import new_webhook_secret
from fanfare_shared.db.tables import App
from fanfare_shared.errors import AlreadyExistsError

_UNIQUE = {"apps_name_key": "name", "apps_firebase_project_id_key": "firebase_project_id"}


async def create_app(session: AsyncSession, runtime: Runtime, request: AppCreate) -> tuple[App, str]:
    """The app and its webhook secret. Raises AlreadyExistsError, InvalidCredentialsError, UntrustedTokenUriError."""
    credentials = await checked_credentials(
        runtime.settings, runtime.cipher, request.firebase_project_id, request.credentials, request.credentials_secret
    )
    webhook_secret = new_webhook_secret()
    values: dict[str, Any] = {
        "name": request.name,
        "firebase_project_id": request.firebase_project_id,
        "quota_per_minute": request.quota_per_minute,
        "webhook_secret_encrypted": runtime.cipher.encrypt(webhook_secret),
        **vars(credentials),
    }
    try:
        return await repository.insert_app(session, values), webhook_secret
    except IntegrityError as error:
        raise _already_exists(error) from error


async def update_app(session: AsyncSession, runtime: Runtime, caller: Caller, app_id: UUID, request: AppUpdate) -> App:
    """Raises NotFoundError, and what `create_app` raises."""
    app = await repository.get_app(session, caller, app_id)
    values = request.model_dump(include={"name", "quota_per_minute"}, exclude_none=True)
    if request.credentials is not None or request.credentials_secret is not None:
        credentials = await checked_credentials(
            runtime.settings, runtime.cipher, app.firebase_project_id, request.credentials, request.credentials_secret
        )
        # The old credentials may be why sending paused; the new ones are tried at once.
        values |= vars(credentials) | {"paused_until": None, "pause_reason": None}
    if not values:
        return app
    try:
        return await repository.update_app(session, app_id, values)
    except IntegrityError as error:
        raise _already_exists(error) from error


def _already_exists(error: IntegrityError) -> AlreadyExistsError:
    constraint = getattr(error.orig.__cause__ if error.orig else None, "constraint_name", None)
    field = _UNIQUE.get(str(constraint))
    if field is None:
        raise error
    return AlreadyExistsError(f"Another app has this {field}")

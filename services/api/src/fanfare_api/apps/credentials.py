"""Where an app's credentials come from, checked before they are stored."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from fanfare_api.settings import ApiSettings
from fanfare_shared.crypto import Cipher
from fanfare_shared.fcm.service_accounts import check_service_account, read_mounted_secret


@dataclass(frozen=True)
class StoredCredentials:
    """The two columns of which exactly one is set."""

    credentials_encrypted: str | None
    credentials_secret: str | None


async def checked_credentials(
    settings: ApiSettings, cipher: Cipher, project_id: str, given: dict[str, Any] | None, secret_name: str | None
) -> StoredCredentials:
    """Raises InvalidCredentialsError or UntrustedTokenUriError. Off the event loop: a key takes a while to parse."""
    return await asyncio.to_thread(_check, settings, cipher, project_id, given, secret_name)


def _check(
    settings: ApiSettings, cipher: Cipher, project_id: str, given: dict[str, Any] | None, secret_name: str | None
) -> StoredCredentials:
    account = given if secret_name is None else read_mounted_secret(settings.credentials_dir, secret_name)
    kept = check_service_account(account, project_id, settings.trusted_token_hosts)
    if secret_name is not None:
        return StoredCredentials(credentials_encrypted=None, credentials_secret=secret_name)
    return StoredCredentials(credentials_encrypted=cipher.encrypt(json.dumps(kept)), credentials_secret=None)

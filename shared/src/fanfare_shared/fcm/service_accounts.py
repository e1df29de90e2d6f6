"""A Google service account's JSON: checked where an operator gives it, read again where it is used.

Fields: https://cloud.google.com/iam/docs/keys-create-delete#creating. Only those that sending needs are kept, so that no
other (`universe_domain`, `auth_uri`) can steer a client elsewhere.
"""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from fanfare_shared.errors import InvalidCredentialsError, UntrustedTokenUriError

_KEPT = ("type", "project_id", "private_key_id", "private_key", "client_email", "client_id", "token_uri")
_SECRET_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,252}")
# A service account's JSON has about 2,400 bytes.
_MAX_BYTES = 65_536


def check_service_account(account: Any, project_id: str, trusted_token_hosts: Collection[str]) -> dict[str, str]:
    """What is kept of it. Raises InvalidCredentialsError or UntrustedTokenUriError, saying what to change."""
    if not isinstance(account, dict) or account.get("type") != "service_account":
        raise InvalidCredentialsError('Give the JSON of a service account, whose "type" is "service_account"')
    for name in ("project_id", "private_key", "client_email", "token_uri"):
        if not isinstance(account.get(name), str) or not account[name]:
            raise InvalidCredentialsError(f'The service account\'s JSON has no "{name}"')
    if account["project_id"] != project_id:
        raise InvalidCredentialsError(
            f"The service account belongs to the project {account['project_id'][:100]!r}, the app to {project_id!r}"
        )
    _check_token_uri(account["token_uri"], trusted_token_hosts)
    _check_private_key(account["private_key"])
    return {name: account[name] for name in _KEPT if isinstance(account.get(name), str)}


def read_mounted_secret(folder: Path | None, name: str) -> Any:
    """The JSON in the mounted file of that name. Raises InvalidCredentialsError."""
    if folder is None:
        raise InvalidCredentialsError("FANFARE_CREDENTIALS_DIR is not set, so an app cannot name a mounted secret")
    if not _SECRET_NAME.fullmatch(name):
        raise InvalidCredentialsError("A mounted secret's name has letters, digits, dots, hyphens and underscores only")
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise InvalidCredentialsError(f"The mounted secret {name} cannot be read: {type(error).__name__}") from error
    return parse_service_account(content)


def mounted_secret_version(folder: Path | None, name: str) -> tuple[int, int] | None:
    """Another one whenever the mounted file of that name was replaced or rewritten; None while there is no such file."""
    if folder is None:
        return None
    try:
        found = (folder / name).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def parse_service_account(content: str | bytes) -> Any:
    """The JSON in the text. Raises InvalidCredentialsError, which quotes nothing of it."""
    if len(content) > _MAX_BYTES:
        raise InvalidCredentialsError(f"A service account's JSON has at most {_MAX_BYTES} bytes")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise InvalidCredentialsError("The credentials are not JSON") from None


def _check_token_uri(token_uri: str, trusted_hosts: Collection[str]) -> None:
    try:
        parts = urlsplit(token_uri)
        host = parts.hostname
    except ValueError:
        raise UntrustedTokenUriError("The credentials' token_uri is not an address") from None
    if parts.scheme != "https" or parts.username is not None or host not in trusted_hosts:
        raise UntrustedTokenUriError(f"token_uri must be https:// at one of: {', '.join(sorted(trusted_hosts))}")


def _check_private_key(pem: str) -> None:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        raise InvalidCredentialsError('"private_key" is not an unencrypted private key in PEM') from None
    if not isinstance(key, RSAPrivateKey):
        raise InvalidCredentialsError('"private_key" is not an RSA key')

"""Service accounts: made for a project when first asked for, their keys kept in the state folder."""

import re
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fcm_simulator.keys import write_key

_PROJECT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_EMAIL = re.compile(r"fcm-simulator@([a-z0-9-]+)\.iam\.gserviceaccount\.com")


class UnknownProjectError(ValueError):
    """A project id that cannot name a service account."""


class ServiceAccounts:
    """One account and one RSA key for each project."""

    def __init__(self, state_folder: Path) -> None:
        self._folder = state_folder / "service-accounts"

    def public_key(self, email: str) -> rsa.RSAPublicKey | None:
        """The public key of the service account with that e-mail address, None when none was issued."""
        match = _EMAIL.fullmatch(email)
        file = self._account_file(match[1]) if match else None
        return _load_rsa(file).public_key() if file and file.exists() else None

    def credentials(self, project: str, token_uri: str) -> dict[str, str]:
        """A service account's JSON as Google's console gives it; the key is made once for each project.

        Raises UnknownProjectError for an id that Google would not allow either.
        """
        if not _PROJECT_ID.fullmatch(project):
            raise UnknownProjectError(f"{project!r} is no project id: use lower-case letters, digits and hyphens")
        file = self._account_file(project)
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            write_key(file, rsa.generate_private_key(public_exponent=65537, key_size=2048))
        email = f"fcm-simulator@{project}.iam.gserviceaccount.com"
        return {
            "type": "service_account",
            "project_id": project,
            "private_key_id": f"{project}-1",
            "private_key": file.read_text(),
            "client_email": email,
            "client_id": "100000000000000000000",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": token_uri,
            "universe_domain": "googleapis.com",
        }

    def _account_file(self, project: str) -> Path:
        return self._folder / f"{project}.pem"


def project_of(email: str) -> str:
    """The project that a service account's e-mail address belongs to, empty for an address not from here."""
    match = _EMAIL.fullmatch(email)
    return match[1] if match else ""


def _load_rsa(file: Path) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{file.name} is not an RSA key")
    return key

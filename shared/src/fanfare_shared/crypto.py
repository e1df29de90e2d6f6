"""Secrets at rest: Fernet for what must be read again, digests for what must only be recognised."""

import hashlib
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from fanfare_shared.errors import ConfigurationError, CredentialsUnusableError

API_KEY_PREFIX = "ff_"


class Cipher:
    """Encrypts with the first of `keys` (comma-separated Fernet keys) and decrypts with any, so that keys can rotate."""

    def __init__(self, keys: str) -> None:
        names = [key.strip() for key in keys.split(",") if key.strip()]
        if not names:
            raise ConfigurationError("FANFARE_ENCRYPTION_KEYS is empty: give one Fernet key or more, comma-separated")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in names])
        except ValueError as error:
            raise ConfigurationError("FANFARE_ENCRYPTION_KEYS holds a key that is not a Fernet key") from error

    def encrypt(self, plain: str) -> str:
        return self._fernet.encrypt(plain.encode()).decode()

    def decrypt(self, sealed: str) -> str:
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise CredentialsUnusableError("No key in FANFARE_ENCRYPTION_KEYS decrypts this secret") from error


def token_digest(token: str) -> bytes:
    """The 16 bytes by which a device's token is unique and recognised: BLAKE2b, so that logs and ledger need no token."""
    return hashlib.blake2b(token.encode(), digest_size=16).digest()


def new_api_key() -> str:
    return API_KEY_PREFIX + secrets.token_urlsafe(32)


def api_key_digest(key: str) -> bytes:
    """API keys carry 256 random bits, so a plain SHA-256 is enough to store one."""
    return hashlib.sha256(key.encode()).digest()


def new_webhook_secret() -> str:
    return "whsec_" + secrets.token_urlsafe(32)

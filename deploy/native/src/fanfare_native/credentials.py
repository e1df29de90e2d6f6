"""Passwords and keys of the stack, made once and kept under `.run/`, readable by their owner only."""

import base64
import json
import secrets
from pathlib import Path

from fanfare_native.layout import write_private


class Credentials:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, str] = json.loads(file.read_text()) if file.is_file() else {}

    def password(self, name: str) -> str:
        """A password that needs no quoting in a URL, a shell or a configuration file."""
        return self._known.get(name) or self.keep(name, secrets.token_urlsafe(24))

    def fernet_key(self, name: str) -> str:
        """32 random bytes in URL-safe base64, as `cryptography.fernet` wants them."""
        return self._known.get(name) or self.keep(name, base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())

    def find(self, name: str) -> str | None:
        return self._known.get(name)

    def keep(self, name: str, value: str) -> str:
        """Remembers the value, and returns it."""
        self._known[name] = value
        write_private(self._file, json.dumps(self._known, indent=2) + "\n")
        return value

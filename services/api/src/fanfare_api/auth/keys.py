"""Looking API keys up by their digest, with a short memory so that a busy key costs no query a request."""

import secrets
import time
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.auth.caller import Caller, Scope
from fanfare_shared.crypto import api_key_digest

# A key revoked through another replica works here this long at most; through this one, not at all.
_REMEMBERED_SECONDS = 5.0
_REMEMBERED_AT_MOST = 10_000
_BOOTSTRAP_KEY_ID = UUID(int=0)

# `last_used_at` is for an operator's eye; a write a minute and key is enough, and it holds no lock a request waits for.
_LOOK_UP = text(
    "SELECT id, name, scopes, app_ids, last_used_at IS NULL OR last_used_at < now() - interval '1 minute' AS stale "
    "FROM api_keys WHERE key_digest = :digest AND revoked_at IS NULL"
)
_NOTE_USE = text("UPDATE api_keys SET last_used_at = now() WHERE id = :id")
_ADMIN_EXISTS = text("SELECT EXISTS (SELECT FROM api_keys WHERE 'admin' = ANY (scopes) AND revoked_at IS NULL)")


class KeyRing:
    """Knows callers by their keys. One per process; its queries are transactions of their own."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], bootstrap_key: SecretStr | None) -> None:
        self._sessions = sessions
        self._bootstrap = api_key_digest(bootstrap_key.get_secret_value()) if bootstrap_key else None
        self._remembered: dict[bytes, tuple[float, Caller]] = {}

    async def caller(self, key: str) -> Caller | None:
        """Whose key this is; None for one that is unknown or revoked."""
        digest = api_key_digest(key)
        until, caller = self._remembered.get(digest, (0.0, None))
        if caller is not None and time.monotonic() < until:
            return caller
        found = await self._look_up(digest)
        if found is not None:
            if len(self._remembered) >= _REMEMBERED_AT_MOST:
                self._remembered.clear()
            self._remembered[digest] = (time.monotonic() + _REMEMBERED_SECONDS, found)
        return found

    def forget(self) -> None:
        """For when keys were made or revoked."""
        self._remembered.clear()

    async def _look_up(self, digest: bytes) -> Caller | None:
        async with self._sessions.begin() as session:
            row = (await session.execute(_LOOK_UP, {"digest": digest})).one_or_none()
            if row is not None:
                if row.stale:
                    await session.execute(_NOTE_USE, {"id": row.id})
                app_ids = None if row.app_ids is None else frozenset(UUID(app_id) for app_id in row.app_ids)
                return Caller(row.id, row.name, frozenset(row.scopes), app_ids)
            if self._bootstrap is None or not secrets.compare_digest(digest, self._bootstrap):
                return None
            if (await session.execute(_ADMIN_EXISTS)).scalar():
                return None
        return Caller(_BOOTSTRAP_KEY_ID, "bootstrap", frozenset({Scope.ADMIN.value}), None)

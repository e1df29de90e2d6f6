"""Whoever holds an API key, and what the key lets them do."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from fanfare_shared.errors import ForbiddenError


class Scope(StrEnum):
    """What a key may do. `admin` includes every other; the rest include nothing but themselves."""

    READ = "read"
    DEVICES = "devices"
    CAMPAIGNS = "campaigns"
    IMAGES = "images"
    ADMIN = "admin"


@dataclass(frozen=True)
class Caller:
    """`app_ids` null: every app. An app that the key may not use looks like one that does not exist."""

    key_id: UUID
    name: str
    scopes: frozenset[str]
    app_ids: frozenset[UUID] | None

    @property
    def actor(self) -> str:
        """Who, as the audit log and `created_by` say it."""
        return f"{self.name} ({self.key_id})"

    def require_scope(self, scope: Scope) -> None:
        if not self.scopes & {scope, Scope.ADMIN}:
            raise ForbiddenError(f"This API key lacks the scope `{scope}`")

    def may_use(self, app_id: UUID) -> bool:
        return self.app_ids is None or app_id in self.app_ids

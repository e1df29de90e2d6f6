"""API keys as the API takes and shows them."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from fanfare_api.auth.caller import Scope
from fanfare_api.http.schemas import RequestBody, Shown, Text


class ApiKeyCreate(RequestBody):
    """`app_ids` limits the key to those apps; without it the key is for every app. Admin keys are always for every app."""

    name: Annotated[Text, Field(min_length=1, max_length=100, examples=["news backend"])]
    scopes: Annotated[set[Scope], Field(min_length=1, examples=[["read", "campaigns"]])]
    app_ids: Annotated[set[UUID], Field(min_length=1, max_length=1000)] | None = None

    @model_validator(mode="after")
    def _admin_means_everything(self) -> Self:
        if Scope.ADMIN in self.scopes and self.app_ids is not None:
            raise ValueError("a key with the scope admin is for every app: leave app_ids out, or admin")
        return self


class ApiKeyShown(Shown):
    id: UUID
    name: str
    scopes: list[str]
    app_ids: list[UUID] | None
    created_by: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class ApiKeyCreated(ApiKeyShown):
    key: str = Field(description="The key itself, shown this once", examples=["ff_4y0…"])

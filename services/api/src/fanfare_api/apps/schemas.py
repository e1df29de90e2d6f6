"""Apps as the API takes and shows them. Credentials go in and never come out."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, model_validator

from fanfare_api.http.schemas import RequestBody, Shown, Text
from fanfare_shared.contracts.words import TaskStatus

DEFAULT_QUOTA_PER_MINUTE = 600_000
"""FCM's default for a project: https://firebase.google.com/docs/cloud-messaging/throttling-and-quotas"""

Name = Annotated[Text, Field(min_length=1, max_length=100, examples=["News"])]
Credentials = Annotated[
    dict[str, Any],
    Field(
        description="A service account's JSON. It is encrypted at rest and never shown again",
        examples=[{"type": "service_account", "project_id": "news-3f2a1", "private_key": "…", "client_email": "…"}],
    ),
]
SecretName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        description="Instead of `credentials`: the name of a file in FANFARE_CREDENTIALS_DIR that holds the JSON",
        examples=["news-3f2a1.json"],
    ),
]
Quota = Annotated[int, Field(ge=1, le=100_000_000, description="Messages a minute that FCM lets this project send")]


class AppCreate(RequestBody):
    name: Name
    firebase_project_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.:-]{0,62}$", examples=["news-3f2a1"])]
    credentials: Credentials | None = None
    credentials_secret: SecretName | None = None
    quota_per_minute: Quota = DEFAULT_QUOTA_PER_MINUTE

    @model_validator(mode="after")
    def _one_source_of_credentials(self) -> Self:
        if (self.credentials is None) == (self.credentials_secret is None):
            raise ValueError("give either credentials or credentials_secret")
        return self


class AppUpdate(RequestBody):
    """Only what is given changes. New credentials replace the old ones, whichever kind those were."""

    name: Name | None = None
    credentials: Credentials | None = None
    credentials_secret: SecretName | None = None
    quota_per_minute: Quota | None = None

    @model_validator(mode="after")
    def _something_and_not_both(self) -> Self:
        if self.credentials is not None and self.credentials_secret is not None:
            raise ValueError("give either credentials or credentials_secret")
        return self


class AppShown(Shown):
    """`paused_until` and `pause_reason`: FCM or the token endpoint asked for a pause; nothing is sent until then."""

    id: UUID
    name: str
    firebase_project_id: str
    credentials_secret: str | None
    quota_per_minute: int
    paused_until: datetime | None
    pause_reason: str | None
    created_at: datetime
    updated_at: datetime


class AppCreated(AppShown):
    webhook_secret: str = Field(description="Signs this app's webhooks; shown this once", examples=["whsec_…"])


class CheckStarted(Shown):
    task_id: UUID
    status: TaskStatus

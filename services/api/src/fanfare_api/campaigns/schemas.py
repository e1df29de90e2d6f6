"""The campaign's JSON shapes: what callers send, and what they are shown."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field, StrictBool, StrictInt, model_validator

from fanfare_api.bulk.limits import check_email, check_https
from fanfare_api.campaigns.limits import (
    MAX_TEST_USERS,
    MAX_TTL_SECONDS,
    MAX_USER_IDS,
    check_data_payload,
    check_unique,
    check_within_bytes,
)
from fanfare_api.http.schemas import RequestBody, Shown, Text
from fanfare_shared.contracts.words import DeliveryGuarantee, JobStatus, Priority
from fanfare_shared.fcm.message import MAX_COLLAPSE_ID_BYTES

UserId = Annotated[Text, Field(min_length=1, max_length=256)]


class Target(RequestBody):
    """Who gets it: every active device of the app, or those of these users."""

    all: Literal[True] | None = None
    user_ids: (
        Annotated[list[UserId], Field(min_length=1, max_length=MAX_USER_IDS), AfterValidator(check_unique)] | None
    ) = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "Target":
        if (self.all is None) == (self.user_ids is None):
            raise ValueError('give either {"all": true} or {"user_ids": [...]}')
        return self


class CampaignContent(RequestBody):
    """What may still change while the campaign is a draft or scheduled."""

    title: Annotated[Text, Field(min_length=1, max_length=100)]
    message: Annotated[Text, Field(min_length=1)]
    data_payload: Annotated[dict[Text, Text], AfterValidator(check_data_payload)] = Field(default_factory=dict)
    image_url: Annotated[Text, Field(max_length=2048), AfterValidator(check_https)] | None = None
    priority: Priority = Priority.NORMAL
    target: Target
    expires_at: AwareDatetime | None = Field(
        default=None, description="When the rest is given up; by default the start plus `ttl_seconds`"
    )
    ttl_seconds: Annotated[StrictInt, Field(ge=0, le=MAX_TTL_SECONDS)] = MAX_TTL_SECONDS
    collapse_key: (
        Annotated[Text, Field(min_length=1), AfterValidator(check_within_bytes(MAX_COLLAPSE_ID_BYTES))] | None
    ) = None
    rate_per_second: Annotated[StrictInt, Field(ge=1, le=1_000_000)] | None = None
    delivery: DeliveryGuarantee = DeliveryGuarantee.AT_LEAST_ONCE
    dry_run: StrictBool = False
    webhook_url: Annotated[Text, Field(max_length=2048)] | None = None
    notify_email: Annotated[Text, Field(max_length=254), AfterValidator(check_email)] | None = None


class CampaignCreate(CampaignContent):
    app_id: UUID


class SendRequest(RequestBody):
    delay_seconds: Annotated[StrictInt, Field(ge=0, le=30 * 86_400)] = 0


class ScheduleRequest(RequestBody):
    scheduled_at: AwareDatetime


class TestRequest(RequestBody):
    user_ids: Annotated[list[UserId], Field(min_length=1, max_length=MAX_TEST_USERS), AfterValidator(check_unique)]


class CampaignShown(Shown):
    """A campaign. In lists `target` says how many user ids there are (`user_count`) instead of listing them.

    `unmatched` is what of `user_ids` had no active device, once planned: `{"count": n, "first": [at most 100]}`.
    """

    id: UUID
    app_id: UUID
    title: str
    message: str
    data_payload: dict[str, str]
    image_url: str | None
    priority: Priority
    target: dict[str, Any]
    unmatched: dict[str, Any] | None
    ttl_seconds: int
    collapse_key: str | None
    rate_per_second: int | None
    delivery: DeliveryGuarantee
    dry_run: bool
    webhook_url: str | None
    notify_email: str | None
    status: JobStatus
    pause_reason: str | None
    error_code: str | None
    error_message: str | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    scheduled_at: datetime | None
    expires_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None


class CampaignAccepted(Shown):
    """The answer to a control action. `task_id` is for `GET /v1/tasks/{task_id}`."""

    campaign_id: UUID
    task_id: UUID
    status: JobStatus
    priority: Priority
    queue: str


class BatchShown(Shown):
    """A batch. `attempt` is the follow-up's generation, `started` how many positions may have been sent."""

    id: int
    parent_id: int | None
    attempt: int
    status: str
    size: int
    started: int
    accepted: int
    invalid_token: int
    failed: int
    expired: int
    cancelled: int
    unknown: int
    errors: dict[str, int]
    epoch: int
    lost_claims: int
    due_at: datetime | None
    created_at: datetime
    claimed_at: datetime | None
    closed_at: datetime | None


class DeliveryShown(Shown):
    """A device's outcome. `attempts` counts the sends that were answered or may have been."""

    device_id: int
    user_id: str
    platform: str
    status: str
    error_code: str | None
    error_message: str | None
    message_id: str | None
    attempts: int
    sent_at: datetime | None

"""Devices as the API takes and shows them. A token goes in and never comes out: its fingerprint recognises it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field

from fanfare_api.devices import rules
from fanfare_api.http.schemas import RequestBody, Shown
from fanfare_shared.contracts.words import Platform
from fanfare_shared.db.tables import Device


class DeviceRegistration(RequestBody):
    app_id: UUID
    user_id: Annotated[
        str,
        BeforeValidator(rules.check_user_id),
        Field(description="Your own name for the user, 1 to 256 characters", examples=["user-1"]),
    ]
    token: Annotated[
        str,
        BeforeValidator(rules.check_token),
        Field(description="FCM's registration token; a device is recognised by it", examples=["fGx…:APA91b…"]),
    ]
    platform: Annotated[Platform, BeforeValidator(rules.check_platform)]
    locale: Annotated[str | None, BeforeValidator(rules.check_locale), Field(examples=["de-DE"])] = None
    timezone: Annotated[str | None, BeforeValidator(rules.check_timezone), Field(examples=["Europe/Berlin"])] = None
    tags: Annotated[list[str], BeforeValidator(rules.check_tags), Field(default_factory=list, examples=[["beta"]])]


class DeviceShown(Shown):
    id: int
    app_id: UUID
    user_id: str
    token_fingerprint: str = Field(description="The first half of the token's BLAKE2b-128 digest, in hex")
    platform: Platform
    locale: str | None
    timezone: str | None
    tags: list[str]
    is_active: bool
    registered_at: datetime
    deactivated_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, device: Device) -> "DeviceShown":
        shown = device.model_dump(exclude={"token", "token_digest"})
        return cls(**shown, token_fingerprint=device.token_digest[:8].hex())


class DevicesDeleted(Shown):
    deleted: int


class RejectedLine(Shown):
    line: int = Field(description="Counted from 1; a CSV file's header is line 1")
    reason: str


class ImportResult(Shown):
    """`received` is the sum of the other counts; empty lines are not counted."""

    received: int
    inserted: int
    updated: int
    duplicates: int = Field(description="Lines whose token a later line of the same body has: the last one counts")
    rejected: int
    rejected_lines: list[RejectedLine] = Field(description="The first 100")

"""What a claim hands to the worker, read in the claim's own transaction."""

from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from fanfare_shared.bulk.lease import Lease


@dataclass(frozen=True, slots=True)
class AppRow:
    """`pause_seconds`: what is left of the project's pause, on the database's clock; 0 where it is not paused."""

    id: UUID
    firebase_project_id: str
    credentials_encrypted: str | None
    credentials_secret: str | None
    quota_per_minute: int
    pause_seconds: float


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """The campaign as the sender needs it. `may_send`: processing and not expired, on the database's clock.

    `verdict_asked_seconds`: since the payload's verdict was asked for; 0 where it was not.
    """

    id: UUID
    title: str
    message: str
    data_payload: dict[str, str]
    image_url: str | None
    priority: str
    ttl_seconds: int
    collapse_key: str | None
    rate_per_second: int | None
    delivery: str
    dry_run: bool
    payload_verdict: str | None
    status: str
    may_send: bool
    verdict_asked_seconds: float


@dataclass(slots=True)
class SendLease(Lease):
    """`attempt` is the batch's generation."""

    attempt: int


@dataclass(slots=True)
class Claim:
    """A claimed batch: go on at position `started`; positions below it are accounted for."""

    lease: SendLease
    campaign: CampaignRow
    app: AppRow
    ambiguous: bool
    device_ids: list[int]
    started: int
    lost_claims: int = 0
    retry_positions: list[int] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.device_ids)

    @property
    def ids(self) -> dict[str, str | int]:
        """For logs and traces. A process sends several batches at once, so what is bound does not tell which."""
        return {
            "campaign_id": str(self.campaign.id),
            "batch_id": self.lease.batch_id,
            "epoch": self.lease.epoch,
        }


@dataclass(frozen=True, slots=True)
class Recorded:
    """After a record: where the journal stands, and whether the campaign may still be sent."""

    started: int
    may_send: bool


class DeviceRow(NamedTuple):
    """`token` is empty where the device is gone or inactive: nothing is sent to it. Of one that is gone only the id is known."""

    id: int
    token: str
    user_id: str
    platform: str

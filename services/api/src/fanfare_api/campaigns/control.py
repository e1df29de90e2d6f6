"""What callers do to a campaign: each action is one transaction on the campaign's locked row, and the hints after it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, insert, text, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.campaigns.limits import check_moment
from fanfare_api.campaigns.service import check_not_expired
from fanfare_shared.bulk.transitions import Action, next_status
from fanfare_shared.campaigns.notifications import CampaignEvent, notifications_for
from fanfare_shared.campaigns.start import STARTED
from fanfare_shared.contracts.messages import Message, PlanCampaign, RunProbe, SendNotification, SettleCampaign
from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.db.tables import Campaign, CampaignPlan, Device, Notification, Probe
from fanfare_shared.errors import InvalidRequestError
from fanfare_shared.ids import uuid7

REQUESTED = "requested"
"""The pause_reason of a campaign that was paused by a caller."""

# Ten users with many devices each; a test is for looking at, not for reaching people.
_MOST_TEST_DEVICES = 100
# When the sweep publishes a probe's hint again, unless a worker has leased it by then.
_REPEAT_HINT_AFTER = timedelta(seconds=5)

_START = text(f"UPDATE campaigns SET {STARTED} WHERE id = :id")


@dataclass(frozen=True)
class Control:
    """One action. `campaign`'s row is locked, `now` is the ledger's clock, `hints` leave after the commit.

    Every action returns the new status and raises IllegalTransitionError where the present one forbids it.
    """

    session: AsyncSession
    campaign: Campaign
    now: datetime
    hints: list[Message]
    request_id: str

    async def send(self, delay_seconds: int) -> JobStatus:
        """Starts now, or schedules the start after `delay_seconds`. Raises InvalidRequestError where it expires first."""
        if delay_seconds:
            return await self._schedule(self.now + timedelta(seconds=delay_seconds))
        status = next_status(Action.SEND, self.campaign.status)
        check_not_expired(self.campaign.expires_at, self.now)
        await self.session.execute(_START, {"id": self.campaign.id})
        self._hint(PlanCampaign(campaign_id=self.campaign.id, request_id=self.request_id))
        return status

    async def schedule(self, scheduled_at: datetime) -> JobStatus:
        """Raises InvalidRequestError for a moment that is past, too far ahead, or after the expiry."""
        next_status(Action.SCHEDULE, self.campaign.status)
        check_moment("scheduled_at", scheduled_at, self.now)
        return await self._schedule(scheduled_at)

    async def pause(self) -> JobStatus:
        status = next_status(Action.PAUSE, self.campaign.status)
        await self._write(status, pause_reason=REQUESTED)
        return status

    async def resume(self) -> JobStatus:
        status = next_status(Action.RESUME, self.campaign.status)
        if self.campaign.final_status is not None:
            # Its account did not add up while it was cancelled: it goes on with that, and sends to nobody.
            status = JobStatus.CANCELLING
        await self._write(status, pause_reason=None, error_message=None, due_at=func.now())
        plan = await self.session.get(CampaignPlan, self.campaign.id)
        if plan is None or plan.planned_at is None:
            self._hint(PlanCampaign(campaign_id=self.campaign.id, request_id=self.request_id))
        self._hint(SettleCampaign(campaign_id=self.campaign.id, request_id=self.request_id))
        return status

    async def cancel(self) -> JobStatus:
        """What never started is cancelled at once; the rest is settled by the orchestrator."""
        status = next_status(Action.CANCEL, self.campaign.status)
        if status is JobStatus.CANCELLED:
            await self._write(status, completed_at=func.now(), due_at=None)
            await self._notify(CampaignEvent.CANCELLED)
            return status
        await self._write(status, final_status=JobStatus.CANCELLED.value, pause_reason=None, due_at=func.now())
        self._hint(SettleCampaign(campaign_id=self.campaign.id, request_id=self.request_id))
        return status

    async def test(self, user_ids: list[str]) -> UUID:
        """The id of a probe that sends to the users' active devices. Raises InvalidRequestError where they have none."""
        next_status(Action.TEST, self.campaign.status)
        devices = await self.session.exec(
            select(Device.id)
            .where(Device.app_id == self.campaign.app_id, col(Device.user_id).in_(user_ids), col(Device.is_active))
            .order_by(col(Device.id))
            .limit(_MOST_TEST_DEVICES)
        )
        device_ids = list(devices.all())
        if not device_ids:
            raise InvalidRequestError(
                "user_ids: none of these users has an active device in this app", field="user_ids"
            )
        probe_id = uuid7()
        await self.session.execute(
            insert(Probe).values(
                id=probe_id,
                kind="campaign_test",
                app_id=self.campaign.app_id,
                campaign_id=self.campaign.id,
                request={"device_ids": device_ids},
                due_at=self.now + _REPEAT_HINT_AFTER,
            )
        )
        self._hint(RunProbe(probe_id=probe_id, request_id=self.request_id))
        return probe_id

    async def _schedule(self, scheduled_at: datetime) -> JobStatus:
        status = next_status(Action.SCHEDULE, self.campaign.status)
        check_not_expired(self.campaign.expires_at, scheduled_at)
        await self._write(status, scheduled_at=scheduled_at, due_at=scheduled_at)
        return status

    async def _write(self, status: JobStatus, **columns: object) -> None:
        await self.session.execute(
            update(Campaign)
            .where(col(Campaign.id) == self.campaign.id)
            .values(status=status.value, updated_at=func.now(), **columns)
        )
        await self.session.refresh(self.campaign)

    async def _notify(self, event: CampaignEvent) -> None:
        for row in notifications_for(self.campaign.model_dump(), event):
            self.session.add(Notification(**row, due_at=self.now + _REPEAT_HINT_AFTER))
            self._hint(SendNotification(notification_id=row["id"], request_id=self.request_id))

    def _hint(self, message: Message) -> None:
        self.hints.append(message)

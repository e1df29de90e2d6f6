"""What callers do to a campaign beside what they do to any bulk job: send, schedule and test it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import insert
from sqlmodel import col, select

from fanfare_api.bulk.control import REPEAT_HINT_AFTER, Control
from fanfare_api.bulk.limits import check_moment, check_not_expired
from fanfare_shared.bulk.transitions import Action
from fanfare_shared.contracts.messages import RunProbe
from fanfare_shared.contracts.words import JobStatus
from fanfare_shared.db.tables import Campaign, Device, Probe
from fanfare_shared.errors import InvalidRequestError
from fanfare_shared.ids import uuid7

# Ten users with many devices each; a test is for looking at, not for reaching people.
_MOST_TEST_DEVICES = 100


@dataclass(frozen=True)
class CampaignControl(Control[Campaign]):
    async def send(self, delay_seconds: int) -> JobStatus:
        """Starts now, or schedules the start after `delay_seconds`. Raises InvalidRequestError where it expires first."""
        if delay_seconds:
            return await self._schedule(self.now + timedelta(seconds=delay_seconds))
        status = self._next(Action.SEND)
        check_not_expired(self.job.expires_at, self.now)
        await self.start()
        return status

    async def schedule(self, scheduled_at: datetime) -> JobStatus:
        """Raises InvalidRequestError for a moment that is past, too far ahead, or after the expiry."""
        self._next(Action.SCHEDULE)
        check_moment("scheduled_at", scheduled_at, self.now)
        return await self._schedule(scheduled_at)

    async def test(self, user_ids: list[str]) -> UUID:
        """The id of a probe that sends to the users' active devices. Raises InvalidRequestError where they have none."""
        self._next(Action.TEST)
        devices = await self.session.exec(
            select(Device.id)
            .where(Device.app_id == self.job.app_id, col(Device.user_id).in_(user_ids), col(Device.is_active))
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
                app_id=self.job.app_id,
                campaign_id=self.job.id,
                request={"device_ids": device_ids},
                due_at=self.now + REPEAT_HINT_AFTER,
            )
        )
        self._hint(RunProbe(probe_id=probe_id))
        return probe_id

    async def _schedule(self, scheduled_at: datetime) -> JobStatus:
        status = self._next(Action.SCHEDULE)
        check_not_expired(self.job.expires_at, scheduled_at)
        await self._write(status, scheduled_at=scheduled_at, due_at=scheduled_at)
        return status

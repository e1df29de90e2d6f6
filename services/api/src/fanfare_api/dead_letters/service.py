"""Trying a dead letter again: its row becomes due, and a hint says so. Only a message is nothing but its hint."""

from uuid import UUID

from sqlalchemy import func, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.dead_letters.messages import message_of
from fanfare_api.dead_letters.schemas import DeadLetterSource
from fanfare_shared.contracts.messages import Message, SendNotification, SettleCampaign
from fanfare_shared.contracts.words import BatchStatus, TaskStatus
from fanfare_shared.db.tables import Batch, DeadLetter, Notification
from fanfare_shared.errors import ConflictError, NotFoundError


async def lock_dead_letter(session: AsyncSession, dead_letter_id: UUID) -> DeadLetter:
    """Raises NotFoundError."""
    statement = select(DeadLetter).where(DeadLetter.id == dead_letter_id).with_for_update()
    dead_letter = (await session.exec(statement)).one_or_none()
    if dead_letter is None:
        raise NotFoundError(f"There is no dead letter {dead_letter_id}")
    return dead_letter


async def retry_dead_letter(session: AsyncSession, dead_letter: DeadLetter, actor: str) -> list[Message]:
    """The hints to publish after the commit.

    Raises ConflictError where it was retried already or its row has moved on, InvalidRequestError for a message that
    fits no contract.
    """
    if dead_letter.retried_at is not None:
        raise ConflictError(f"It was retried at {dead_letter.retried_at.isoformat()} by {dead_letter.retried_by}")
    match DeadLetterSource(dead_letter.source):
        case DeadLetterSource.BATCH:
            hint: Message = await _retry_batch(session, int(dead_letter.source_id or 0))
        case DeadLetterSource.NOTIFICATION:
            hint = await _retry_notification(session, UUID(dead_letter.source_id))
        case DeadLetterSource.MESSAGE:
            hint = message_of(dead_letter)
    await session.execute(
        update(DeadLetter).where(col(DeadLetter.id) == dead_letter.id).values(retried_at=func.now(), retried_by=actor)
    )
    await session.refresh(dead_letter)
    return [hint]


async def _retry_batch(session: AsyncSession, batch_id: int) -> Message:
    """The batch waits for dispatch again with its lost claims forgotten. A campaign it paused is resumed by its owner."""
    statement = (
        update(Batch)
        .where(col(Batch.id) == batch_id, col(Batch.status) == BatchStatus.SET_ASIDE.value)
        .values(status=BatchStatus.READY.value, due_at=func.now(), lost_claims=0, hints=0)
        .returning(col(Batch.campaign_id))
    )
    campaign_id = (await session.execute(statement)).scalar()
    if campaign_id is None:
        raise ConflictError(f"Batch {batch_id} is no longer set aside")
    return SettleCampaign(campaign_id=campaign_id)


async def _retry_notification(session: AsyncSession, notification_id: UUID) -> Message:
    statement = (
        update(Notification)
        .where(col(Notification.id) == notification_id, col(Notification.status) == TaskStatus.FAILURE.value)
        .values(status=TaskStatus.RETRY.value, due_at=func.now())
        .returning(col(Notification.id))
    )
    if (await session.execute(statement)).scalar() is None:
        raise ConflictError(f"Notification {notification_id} is not given up any more, or its campaign was deleted")
    return SendNotification(notification_id=notification_id)

"""Trying a dead letter again: its row becomes due, and a hint says so. Only a message is nothing but its hint."""

from uuid import UUID

from sqlalchemy import func, text, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.dead_letters.messages import message_of
from fanfare_api.dead_letters.schemas import DeadLetterSource
from fanfare_shared.bulk.kind import Kind
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.contracts.messages import Message, SendNotification
from fanfare_shared.contracts.words import TaskStatus
from fanfare_shared.db.tables import DeadLetter, Notification
from fanfare_shared.errors import ConflictError, NotFoundError
from fanfare_shared.images.kind import IMAGE_JOBS


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
            hint: Message = await _retry_batch(session, CAMPAIGNS, int(dead_letter.source_id or 0))
        case DeadLetterSource.IMAGE_BATCH:
            hint = await _retry_batch(session, IMAGE_JOBS, int(dead_letter.source_id or 0))
        case DeadLetterSource.NOTIFICATION:
            hint = await _retry_notification(session, UUID(dead_letter.source_id))
        case DeadLetterSource.MESSAGE:
            hint = message_of(dead_letter)
    await session.execute(
        update(DeadLetter).where(col(DeadLetter.id) == dead_letter.id).values(retried_at=func.now(), retried_by=actor)
    )
    await session.refresh(dead_letter)
    return [hint]


async def _retry_batch(session: AsyncSession, kind: Kind, batch_id: int) -> Message:
    """The batch waits for dispatch again with its lost claims forgotten. A job it paused is resumed by its owner."""
    statement = f"""
        UPDATE {kind.batches} SET status = 'ready', due_at = now(), lost_claims = 0, hints = 0
        WHERE id = :id AND status = 'set_aside' RETURNING {kind.key}
    """
    job_id = (await session.execute(text(statement), {"id": batch_id})).scalar()
    if job_id is None:
        raise ConflictError(f"Batch {batch_id} is no longer set aside")
    return kind.settle_hint(job_id)


async def _retry_notification(session: AsyncSession, notification_id: UUID) -> Message:
    statement = (
        update(Notification)
        .where(col(Notification.id) == notification_id, col(Notification.status) == TaskStatus.FAILURE.value)
        .values(status=TaskStatus.RETRY.value, due_at=func.now())
        .returning(col(Notification.id))
    )
    if (await session.execute(statement)).scalar() is None:
        raise ConflictError(f"Notification {notification_id} is not given up any more, or its job was deleted")
    return SendNotification(notification_id=notification_id)

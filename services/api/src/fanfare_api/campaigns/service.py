"""Making, editing and deleting campaigns, with every check that needs more than the field itself."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from sqlalchemy import func
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.apps.repository import get_app
from fanfare_api.auth.caller import Caller
from fanfare_api.bulk.limits import check_moment, check_not_expired, check_webhook
from fanfare_api.campaigns.limits import check_fits
from fanfare_api.campaigns.schemas import CampaignContent, CampaignCreate
from fanfare_shared.bulk.transitions import Action, next_status
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.db.tables import Campaign
from fanfare_shared.webhooks import AllowList


async def create_campaign(session: AsyncSession, caller: Caller, body: CampaignCreate, allow: AllowList) -> Campaign:
    """A draft. Raises NotFoundError for an unknown app, InvalidRequestError and MessageTooLargeError."""
    await get_app(session, caller, body.app_id)
    columns = _columns(body)
    check_content(columns, datetime.now(UTC), allow)
    campaign = Campaign(app_id=body.app_id, created_by=caller.actor, **columns)
    session.add(campaign)
    await session.flush()
    return campaign


async def edit_campaign(
    session: AsyncSession, campaign: Campaign, changes: dict[str, Any], now: datetime, allow: AllowList
) -> Campaign:
    """Merges `changes` (null: back to none) into a draft or scheduled campaign, whose row is locked.

    Raises IllegalTransitionError, and what making such a campaign would raise.
    """
    next_status(Action.EDIT, campaign.status, CAMPAIGNS.noun)
    present = {name: getattr(campaign, name) for name in CampaignContent.model_fields}
    try:
        content = CampaignContent.model_validate(present | changes)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    columns = _columns(content)
    check_content(columns, now, allow)
    if campaign.scheduled_at is not None:
        check_not_expired(content.expires_at, campaign.scheduled_at)
    campaign.sqlmodel_update(columns | {"updated_at": func.now()})
    await session.flush()
    await session.refresh(campaign, ["updated_at"])
    return campaign


async def delete_campaign(session: AsyncSession, campaign: Campaign) -> None:
    """Deletes the campaign and its batches. Its deliveries, then out of reach, go with their partition.

    Raises IllegalTransitionError while it is neither a draft nor final.
    """
    next_status(Action.DELETE, campaign.status, CAMPAIGNS.noun)
    await session.delete(campaign)
    await session.flush()


def check_content(columns: Mapping[str, Any], now: datetime, allow: AllowList) -> None:
    """What FCM or the sender would refuse later. Raises InvalidRequestError."""
    check_fits(columns)
    if columns["webhook_url"] is not None:
        check_webhook(columns["webhook_url"], allow)
    if columns["expires_at"] is not None:
        check_moment("expires_at", columns["expires_at"], now)


def _columns(content: CampaignContent) -> dict[str, Any]:
    return content.model_dump(exclude={"app_id", "target"}) | {"target": content.target.model_dump(exclude_none=True)}

"""What is read of campaigns, batches and deliveries. A campaign of an app that the key may not use is not there."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, literal_column, text
from sqlalchemy.orm import defer
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.auth.caller import Caller
from fanfare_api.bulk.active import is_active
from fanfare_api.campaigns.schemas import CampaignShown, DeliveryShown
from fanfare_api.http.pagination import PageRequest, fetch_page
from fanfare_shared.campaigns.kind import CAMPAIGNS
from fanfare_shared.contracts.words import JobStatus, Outcome
from fanfare_shared.db.tables import Campaign, CampaignPlan, Delivery
from fanfare_shared.db.types import Json
from fanfare_shared.errors import NotFoundError

_IS_NOT_ACCEPTED: ColumnElement[bool] = literal_column("deliveries.status <> 'accepted'")

# A list leaves out up to 10,000 user ids a campaign.
_SUMMARIES = text("""
SELECT c.id, CASE WHEN c.target ? 'user_ids'
                  THEN jsonb_build_object('user_count', jsonb_array_length(c.target -> 'user_ids')) ELSE c.target END
       AS target, p.unmatched
FROM campaigns c LEFT JOIN campaign_plans p ON p.campaign_id = c.id
WHERE c.id = ANY(:ids)
""").columns(target=Json, unmatched=Json)

_VIEWED = [name for name in CampaignShown.model_fields if name not in {"target", "unmatched"}]


async def get_campaign(session: AsyncSession, caller: Caller, campaign_id: UUID) -> Campaign:
    """Raises NotFoundError."""
    campaign = await session.get(Campaign, campaign_id)
    return _visible(campaign, caller, campaign_id)


async def lock_campaign(session: AsyncSession, caller: Caller, campaign_id: UUID) -> tuple[Campaign, datetime]:
    """The campaign, locked until the transaction ends, and the ledger's clock. Raises NotFoundError."""
    statement = select(Campaign, func.now()).where(Campaign.id == campaign_id).with_for_update(key_share=True)
    row = (await session.exec(statement)).one_or_none()
    if row is None:
        raise _not_found(campaign_id)
    campaign, now = row
    return _visible(campaign, caller, campaign_id), now


def _visible(campaign: Campaign | None, caller: Caller, campaign_id: UUID) -> Campaign:
    if campaign is None or not caller.may_use(campaign.app_id):
        raise _not_found(campaign_id)
    return campaign


def _not_found(campaign_id: UUID) -> NotFoundError:
    return NotFoundError(f"There is no campaign {campaign_id}")


async def show_campaign(session: AsyncSession, campaign: Campaign) -> CampaignShown:
    plan = await session.get(CampaignPlan, campaign.id)
    return _view(campaign, campaign.target, plan.unmatched if plan is not None else None)


async def list_campaigns(
    session: AsyncSession,
    caller: Caller,
    page: PageRequest,
    *,
    app_id: UUID | None = None,
    status: JobStatus | None = None,
    active: bool = False,
) -> tuple[list[CampaignShown], str | None]:
    """A page of campaigns and the next page's cursor."""
    statement = select(Campaign).options(defer(Campaign.target))  # type: ignore[arg-type] # an attribute of a mapped class
    if caller.app_ids is not None:
        statement = statement.where(col(Campaign.app_id).in_(caller.app_ids))
    if app_id is not None:
        statement = statement.where(Campaign.app_id == app_id)
    if status is not None:
        statement = statement.where(Campaign.status == status.value)
    if active:
        statement = statement.where(is_active(CAMPAIGNS))
    campaigns, next_cursor = await fetch_page(session, statement, Campaign.id, page)
    rows = await session.execute(_SUMMARIES, {"ids": [campaign.id for campaign in campaigns]})
    summaries = {row.id: row for row in rows}
    views = [_view(campaign, summaries[campaign.id].target, summaries[campaign.id].unmatched) for campaign in campaigns]
    return views, next_cursor


def _view(campaign: Campaign, target: dict[str, Any], unmatched: dict[str, Any] | None) -> CampaignShown:
    return CampaignShown.model_validate(
        {name: getattr(campaign, name) for name in _VIEWED} | {"target": target, "unmatched": unmatched}
    )


async def list_deliveries(
    session: AsyncSession, campaign_id: UUID, page: PageRequest, status: Outcome | None
) -> tuple[list[DeliveryShown], str | None]:
    statement = select(Delivery).where(Delivery.campaign_id == campaign_id, *_with_status(status))
    deliveries, next_cursor = await fetch_page(session, statement, Delivery.device_id, page)
    return [DeliveryShown.model_validate(delivery, from_attributes=True) for delivery in deliveries], next_cursor


async def deliveries_after(
    campaign_id: UUID, status: Outcome | None, session: AsyncSession, device_id: int, limit: int
) -> Sequence[Row[Any]]:
    """The next deliveries by device id, as rows of DeliveryShown's fields in their order."""
    shown = [getattr(Delivery, name) for name in DeliveryShown.model_fields]
    statement = (
        select(*shown)
        .where(Delivery.campaign_id == campaign_id, Delivery.device_id > device_id, *_with_status(status))
        .order_by(col(Delivery.device_id))
        .limit(limit)
    )
    rows: Sequence[Row[Any]] = (await session.exec(statement)).all()
    return rows


def _with_status(status: Outcome | None) -> list[ColumnElement[bool]]:
    if status is None:
        return []
    is_status = col(Delivery.status) == status.value
    return [is_status] if status is Outcome.ACCEPTED else [is_status, _IS_NOT_ACCEPTED]

"""A campaign's row as the message its devices get."""

from fanfare_shared.campaigns.rows import CampaignRow
from fanfare_shared.contracts.words import Priority
from fanfare_shared.fcm.message import PushMessage


def push_message(campaign: CampaignRow) -> PushMessage:
    return PushMessage(
        title=campaign.title,
        body=campaign.message,
        collapse_id=campaign.collapse_key or str(campaign.id),
        priority=Priority(campaign.priority),
        ttl_seconds=campaign.ttl_seconds,
        data=campaign.data_payload,
        image_url=campaign.image_url,
        collapse_key=campaign.collapse_key,
    )

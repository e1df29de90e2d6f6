"""A job's live account as Server-Sent Events: https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from collections.abc import AsyncIterator
from uuid import UUID

from fastapi.responses import StreamingResponse

from fanfare_api.bulk.account import AccountView, StatsT
from fanfare_api.bulk.feed import StatsFeed


class EventStream(StreamingResponse):
    media_type = "text/event-stream"


def stats_events(feed: StatsFeed, view: AccountView[StatsT], job_id: UUID) -> EventStream:
    """Events named `stats`: at once, and when the account changed, until the job is final."""
    # nginx would hold the events back until its buffer is full.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return EventStream(_events(feed, view, job_id), headers=headers)


async def _events(feed: StatsFeed, view: AccountView[StatsT], job_id: UUID) -> AsyncIterator[str]:
    async for found in feed.listen(view, job_id):
        yield f"event: stats\ndata: {found.model_dump_json()}\n\n" if found is not None else ": still here\n\n"

"""A request for a job as the columns of its row; what is to follow it, as JSON of the same columns.

So whoever ends a job inserts the next without knowing what a caller may ask for: `then_job` and `on_failure_job` have
`operation, parameters, lane, rate, seconds_per_item, scheduled_at, expires_at, webhook_url, webhook_secret_encrypted,
notify_email, then_job, on_failure_job`, moments in ISO 8601.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.bulk.limits import check_moment, check_not_expired, check_webhook
from fanfare_api.image_jobs.estimates import lane_of
from fanfare_api.image_jobs.operations import Archive, Copy, Rename
from fanfare_api.image_jobs.rates import seconds_per_item
from fanfare_api.image_jobs.schemas import JobRequest
from fanfare_api.image_jobs.targets import existing_folder
from fanfare_api.uploads.watermarks import check_watermarks
from fanfare_shared.crypto import Cipher, new_webhook_secret
from fanfare_shared.errors import InvalidRequestError
from fanfare_shared.images.pipeline import Pipeline
from fanfare_shared.webhooks import AllowList

_MOMENTS = ("scheduled_at", "expires_at")


@dataclass
class Columns:
    """Makes columns of one request and of all that follow it. `now` is the ledger's clock.

    `made_secret` is the one secret that was made for those of them that have a webhook and no secret of their own or of
    the request they follow; None where none was needed.
    """

    session: AsyncSession
    now: datetime
    presets: Mapping[str, Pipeline]
    allow: AllowList
    cipher: Cipher
    made_secret: str | None = field(default=None, init=False)

    async def of(self, request: JobRequest, outer_secret: str | None = None) -> dict[str, Any]:
        """Raises InvalidRequestError for what is not there: a folder, a preset, a watermark; for a moment or a webhook."""
        self._check(request)
        secret = request.webhook_secret or outer_secret
        return {
            "operation": request.does.value,
            "parameters": await self._parameters(request),
            "lane": lane_of(request.does).value,
            "rate": request.rate,
            "seconds_per_item": None if request.rate is None else seconds_per_item(request.rate),
            "scheduled_at": request.scheduled_at,
            "expires_at": request.expires_at,
            "webhook_url": request.webhook_url,
            "webhook_secret_encrypted": self._sealed(secret) if request.webhook_url is not None else None,
            "notify_email": request.notify_email,
            "then_job": await self._follower(request.then, secret),
            "on_failure_job": await self._follower(request.on_failure, secret),
        }

    async def _follower(self, request: JobRequest | None, secret: str | None) -> dict[str, Any] | None:
        if request is None:
            return None
        columns = await self.of(request, secret)
        moments = {name: columns[name].isoformat() for name in _MOMENTS if columns[name] is not None}
        return columns | moments

    def _check(self, request: JobRequest) -> None:
        for name in _MOMENTS:
            if (moment := getattr(request, name)) is not None:
                check_moment(name, moment, self.now)
        if request.scheduled_at is not None:
            check_not_expired(request.expires_at, request.scheduled_at)
        if request.webhook_url is not None:
            check_webhook(request.webhook_url, self.allow)

    def _sealed(self, secret: str | None) -> str:
        if secret is None:
            self.made_secret = secret = self.made_secret or new_webhook_secret()
        return self.cipher.encrypt(secret)

    async def _parameters(self, request: JobRequest) -> dict[str, Any]:
        match request.operation:
            case None:
                pipeline = self._pipeline(request)
                await check_watermarks(self.session, pipeline)
                return {"pipeline": pipeline.model_dump(mode="json")}
            case Copy() as copy:
                folder_id = await existing_folder(self.session, "operation", copy.folder_id, copy.folder)
                return {"folder_id": None if folder_id is None else str(folder_id), "collision": copy.collision}
            case Rename() as rename:
                return {"pattern": rename.pattern, "collision": rename.collision}
            case Archive() as archive:
                return {"name": archive.name} | ({"variant": archive.variant} if archive.variant is not None else {})
            case _:
                return {}

    def _pipeline(self, request: JobRequest) -> Pipeline:
        if request.pipeline is not None:
            return request.pipeline
        pipeline = self.presets.get(request.preset or "")
        if pipeline is None:
            raise InvalidRequestError(f"preset: there is no such one; there are {', '.join(sorted(self.presets))}")
        return pipeline

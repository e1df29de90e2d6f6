"""Drawing from a project's quota: one round trip to Redis a chunk, never one a message."""

import time
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import redis

from fanfare_push_worker.quota.arithmetic import (
    VALID_SECONDS,
    BucketShape,
    campaign_bucket,
    least_draw,
    project_bucket,
)
from fanfare_push_worker.quota.local import LocalBucket
from fanfare_shared.campaigns.rows import AppRow, CampaignRow
from fanfare_shared.contracts.words import Priority
from fanfare_shared.logs import get_logger
from fanfare_shared.metrics import push_quota_fallbacks
from fanfare_shared.redis_tls import redis_tls
from fanfare_shared.settings import RedisSettings

_TIMEOUT_SECONDS = 0.5
_ASK_REDIS_AGAIN_SECONDS = 3.0
_CLIMB_BACK_SECONDS = 120

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Draw:
    """`count` messages may be sent until `valid_until` (monotonic). If none may: ask again in `wait` seconds, or,
    where the project's breaker is open (`is_paused`), give the batch back for so long.
    """

    count: int
    wait: float
    is_paused: bool
    valid_until: float


class Quota:
    """Made after the fork; one a process."""

    def __init__(self, settings: RedisSettings, max_workers: int) -> None:
        self._redis = _client(settings)
        self._draw = self._redis.register_script(_script("draw.lua"))
        self._pause = self._redis.register_script(_script("pause.lua"))
        self._max_workers = max_workers
        self._redis_gone_until = 0.0
        self._local: dict[str, LocalBucket] = {}

    def draw(self, app: AppRow, campaign: CampaignRow | None, want: int) -> Draw:
        """Takes up to `want` from the app's project and the campaign's own rate; what is there is the chunk.

        Without a campaign, for a probe, it is drawn as `high`.
        """
        asked = time.monotonic()
        high = campaign is None or campaign.priority == Priority.HIGH
        if asked >= self._redis_gone_until:
            try:
                return self._draw_shared(app, campaign, want, asked, high=high)
            except redis.RedisError as error:
                log.warning("Redis does not answer: sending at this process's share", error=type(error).__name__)
                push_quota_fallbacks.inc()
                self._redis_gone_until = asked + _ASK_REDIS_AGAIN_SECONDS
        return self._draw_local(app, campaign, want, asked, high=high)

    def pause(self, app: AppRow, seconds: float, *, drop_rate: bool) -> None:
        """Stops every worker of the project at its next draw. Best effort: the ledger's `paused_until` is the truth."""
        try:
            self._pause(keys=[_project_key(app)], args=[seconds, int(drop_rate), _CLIMB_BACK_SECONDS])
        except redis.RedisError as error:
            log.warning("Redis does not answer: other workers stop at their next claim", error=type(error).__name__)

    def close(self) -> None:
        self._redis.close()

    def _draw_shared(self, app: AppRow, campaign: CampaignRow | None, want: int, asked: float, *, high: bool) -> Draw:
        project = project_bucket(app.quota_per_minute)
        keys, shapes = [_project_key(app)], [project]
        if campaign is not None and campaign.rate_per_second is not None:
            keys.append(f"fanfare:rate:{campaign.id}")
            shapes.append(campaign_bucket(campaign.rate_per_second))
        arguments: list[Any] = [
            want,
            least_draw(want, *shapes),
            0 if high else project.reserve,
            _CLIMB_BACK_SECONDS,
        ]
        for shape in shapes:
            arguments += [shape.rate, shape.capacity]
        drawn, wait_ms, paused = self._draw(keys=keys, args=arguments)
        self._local.clear()
        return Draw(drawn, wait_ms / 1000, bool(paused), asked + VALID_SECONDS)

    def _draw_local(self, app: AppRow, campaign: CampaignRow | None, want: int, asked: float, *, high: bool) -> Draw:
        rate = app.quota_per_minute / self._max_workers
        buckets = [self._local_bucket(_project_key(app), project_bucket(rate))]
        if campaign is not None and campaign.rate_per_second is not None:
            shape = campaign_bucket(campaign.rate_per_second / self._max_workers)
            buckets.append(self._local_bucket(f"fanfare:rate:{campaign.id}", shape))
        # The slower bucket is asked first; what the faster one then refuses is lost, which errs on the safe side.
        for bucket in sorted(buckets, key=lambda bucket: bucket.shape.rate):
            want, wait = bucket.draw(want, high=high)
            if not want:
                return Draw(0, wait, False, asked)
        return Draw(want, 0.0, False, asked + VALID_SECONDS)

    def _local_bucket(self, key: str, shape: BucketShape) -> LocalBucket:
        bucket = self._local.get(key)
        if bucket is None or bucket.shape != shape:
            bucket = self._local[key] = LocalBucket(shape)
        return bucket


def _project_key(app: AppRow) -> str:
    return f"fanfare:quota:{app.firebase_project_id}"


def _script(name: str) -> str:
    return files("fanfare_push_worker.quota").joinpath(name).read_text()


def _client(settings: RedisSettings) -> redis.Redis:
    return redis.Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        **redis_tls(settings),
    )

"""The quota: every 60 s window within it, the mean near it, one bucket for all, and a share without Redis."""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfare_push_worker.quota.arithmetic import VALID_SECONDS, project_bucket
from fanfare_push_worker.quota.local import LocalBucket
from fanfare_push_worker.quota.quota import Quota
from fanfare_shared.campaigns.rows import AppRow, CampaignRow
from fanfare_shared.contracts.words import Priority
from fanfare_shared.ids import uuid7
from fanfare_shared.settings import RedisSettings

JITTER_SECONDS = 0.4


def app_row(quota_per_minute: int = 60_000) -> AppRow:
    return AppRow(uuid7(), f"project-{uuid7()}", None, "file", quota_per_minute, 0.0)


def campaign_row(priority: Priority = Priority.HIGH, rate_per_second: int | None = None) -> CampaignRow:
    return CampaignRow(
        UUID(int=uuid7().int), "t", "m", {}, None, priority, 60, None, rate_per_second, "at_least_once", False, None,
        "processing", True, 0.0,
    )  # fmt: skip


@pytest.fixture
def redis_settings(redis_url: str) -> RedisSettings:
    return RedisSettings(redis_url=redis_url)


@pytest.fixture
def quota(redis_settings: RedisSettings) -> Iterator[Quota]:
    quota = Quota(redis_settings, max_workers=4)
    yield quota
    quota.close()


def drain(quota: Quota, app: AppRow, campaign: CampaignRow, seconds: float, want: int = 100) -> list[tuple[float, int]]:
    """Draws for so long, as a worker would: when and how much."""
    drawn = []
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        draw = quota.draw(app, campaign, want)
        if draw.count:
            drawn.append((now, draw.count))
        else:
            time.sleep(min(draw.wait, max(0.0, end - time.monotonic())))
    return drawn


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@settings(max_examples=60, deadline=None)
@given(
    quota_per_minute=st.integers(1, 700_000),
    waits=st.lists(st.floats(0, 30), max_size=30),
    late=st.lists(st.floats(0, VALID_SECONDS + JITTER_SECONDS), min_size=1, max_size=7),
    high=st.booleans(),
)
def test_every_window_of_60_s_stays_within_the_quota_however_late_a_draw_is_used(
    quota_per_minute: int, waits: list[float], late: list[float], high: bool
) -> None:
    clock = Clock()
    bucket = LocalBucket(project_bucket(quota_per_minute), clock)
    arrivals: list[tuple[float, int]] = []
    idle = deque(waits)
    while clock.now < 200 and len(arrivals) < 2000:
        count, wait = bucket.draw(1_000_000, high=high)
        if count:
            arrivals.append((clock.now + late[len(arrivals) % len(late)], count))
            clock.now += idle.popleft() if idle else 0
        else:
            clock.now += wait
    arrivals.sort()
    window: deque[tuple[float, int]] = deque()
    inside = 0
    for moment, count in arrivals:
        window.append((moment, count))
        inside += count
        while window[0][0] <= moment - 60:
            inside -= window.popleft()[1]
        assert inside <= quota_per_minute


@given(quota_per_minute=st.integers(1, 700_000))
def test_a_busy_bucket_gives_at_least_95_percent(quota_per_minute: int) -> None:
    clock = Clock()
    bucket = LocalBucket(project_bucket(quota_per_minute), clock)
    total, seconds, waits = 0, 600.0, 0
    while clock.now < seconds and waits < 3000:
        count, wait = bucket.draw(1_000_000, high=False)
        total += count
        clock.now += wait
        waits += 1
    # A whole message may be one short of its moment.
    assert total + 1 >= 0.95 * quota_per_minute * clock.now / 60


def test_a_bucket_starts_empty_and_fills_smoothly(quota: Quota) -> None:
    app, campaign = app_row(60_000), campaign_row()
    assert quota.draw(app, campaign, 100).count == 0
    drawn = drain(quota, app, campaign, 1.0)
    assert 850 <= sum(count for _, count in drawn) <= 1_000
    assert max(count for _, count in drawn) <= 100


def test_two_processes_share_one_bucket(quota: Quota, redis_settings: RedisSettings) -> None:
    app, campaign = app_row(60_000), campaign_row()
    other = Quota(redis_settings, max_workers=4)
    end, total = time.monotonic() + 1.0, 0
    while time.monotonic() < end:
        total += quota.draw(app, campaign, 50).count + other.draw(app, campaign, 50).count
    other.close()
    assert 850 <= total <= 1_000


def test_a_small_quota_gives_one_message_at_a_time(quota: Quota) -> None:
    app, campaign = app_row(600), campaign_row()
    drawn = drain(quota, app, campaign, 1.5, want=50)
    assert 10 <= sum(count for _, count in drawn) <= 15


def test_a_campaigns_own_rate_holds_within_the_quota(quota: Quota) -> None:
    app, campaign = app_row(600_000), campaign_row(rate_per_second=200)
    total = sum(count for _, count in drain(quota, app, campaign, 1.5, want=50))
    assert 240 <= total <= 320


def test_the_last_part_of_the_burst_is_for_high_alone(quota: Quota) -> None:
    app = app_row(600_000)
    normal, high = campaign_row(Priority.NORMAL), campaign_row(Priority.HIGH)
    quota.draw(app, normal, 1)
    time.sleep(0.3)
    shape = project_bucket(600_000)
    while quota.draw(app, normal, 500).count:
        pass
    drawn = 0
    while count := quota.draw(app, high, 500).count:
        drawn += count
    assert drawn >= 0.75 * shape.reserve


def test_a_pause_stops_every_process_and_leaves_an_empty_bucket(quota: Quota, redis_settings: RedisSettings) -> None:
    app, campaign = app_row(), campaign_row()
    quota.draw(app, campaign, 1)
    time.sleep(0.2)
    quota.pause(app, 0.5, drop_rate=False)
    other = Quota(redis_settings, max_workers=4)
    draw = other.draw(app, campaign, 10)
    assert draw.is_paused
    assert 0.3 < draw.wait <= 0.5
    time.sleep(draw.wait + 0.005)
    assert other.draw(app, campaign, 100).count == 0
    other.close()


def test_after_a_429_the_rate_halves_once_and_climbs_back(quota: Quota, redis_url: str) -> None:
    app, campaign = app_row(600_000), campaign_row()
    for _ in range(3):
        quota.pause(app, 0.2, drop_rate=True)
    with redis.Redis.from_url(redis_url) as client:
        key = f"fanfare:quota:{app.firebase_project_id}"
        assert float(client.hget(key, "factor")) == 0.5
        time.sleep(0.25)
        halved = sum(count for _, count in drain(quota, app, campaign, 1.0, want=500))
        assert 4_000 <= halved <= 5_200
        client.hset(key, "factor_at", time.time() - 60)
        whole = sum(count for _, count in drain(quota, app, campaign, 1.0, want=500))
        assert whole >= 8_000


def test_without_redis_a_process_takes_its_share_and_comes_back_to_the_bucket(redis_settings: RedisSettings) -> None:
    gone = RedisSettings(redis_url="redis://127.0.0.1:1/0")
    quota = Quota(gone, max_workers=4)
    app, campaign = app_row(60_000), campaign_row()
    drawn = sum(count for _, count in drain(quota, app, campaign, 1.0))
    assert 200 <= drawn <= 250
    quota.close()


def test_a_draw_is_void_after_a_second(quota: Quota) -> None:
    app, campaign = app_row(600_000), campaign_row()
    quota.draw(app, campaign, 1)
    time.sleep(0.1)
    before = time.monotonic()
    draw = quota.draw(app, campaign, 10)
    assert draw.count == 10
    assert before < draw.valid_until <= time.monotonic() + VALID_SECONDS


def test_a_changed_quota_takes_effect_at_the_next_draw(quota: Quota) -> None:
    app, campaign = app_row(60), campaign_row()
    assert quota.draw(app, campaign, 10).count == 0
    raised = replace(app, quota_per_minute=600_000)
    assert sum(count for _, count in drain(quota, raised, campaign, 0.3, want=500)) > 1_000

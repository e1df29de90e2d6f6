"""The quota: every 60 s window within it, the mean near it, one bucket for all, and a share without Redis.

The scripts run in a real Redis, most of the time on a clock that the test turns: how fast this machine is has no part in it.
"""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib.resources import files
from uuid import UUID

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfare_push_worker.quota import quota as quota_module
from fanfare_push_worker.quota.arithmetic import VALID_SECONDS, project_bucket
from fanfare_push_worker.quota.local import LocalBucket
from fanfare_push_worker.quota.quota import Quota
from fanfare_shared.campaigns.rows import AppRow, CampaignRow
from fanfare_shared.contracts.words import Priority
from fanfare_shared.ids import uuid7
from fanfare_shared.metrics import push_quota_fallbacks
from fanfare_shared.settings import RedisSettings

JITTER_SECONDS = 0.4


def app_row(quota_per_minute: int = 60_000) -> AppRow:
    return AppRow(uuid7(), f"project-{uuid7()}", None, "file", quota_per_minute, 0.0)


def campaign_row(priority: Priority = Priority.HIGH, rate_per_second: int | None = None) -> CampaignRow:
    return CampaignRow(
        UUID(int=uuid7().int), "t", "m", {}, None, priority, 60, None, rate_per_second, "at_least_once", False, None,
        "processing", True, 0.0,
    )  # fmt: skip


class Clock:
    """Seconds, which pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += seconds


class RedisClock(Clock):
    """Its time is what the scripts of a `turned` quota take for Redis' own."""

    KEY = "fanfare:test-clock"

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self.now = 1_800_000_000.0
        self.turn(0.0)

    def turn(self, seconds: float) -> None:
        super().turn(seconds)
        whole = int(self.now)
        self._client.hset(self.KEY, mapping={"seconds": whole, "micros": int((self.now - whole) * 1_000_000)})


def turned(name: str) -> str:
    """A script of the quota's with the test's clock in the place of Redis'."""
    text = files("fanfare_push_worker.quota").joinpath(name).read_text()
    assert text.count("redis.call('TIME')") == 1
    return text.replace("redis.call('TIME')", f"redis.call('HMGET', '{RedisClock.KEY}', 'seconds', 'micros')")


@pytest.fixture
def redis_settings(redis_url: str) -> RedisSettings:
    return RedisSettings(redis_url=f"{redis_url}?socket_timeout=30&socket_connect_timeout=30")


@pytest.fixture
def client(redis_url: str) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def clock(client: "redis.Redis", monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisClock]:
    monkeypatch.setattr(quota_module, "_script", turned)
    yield RedisClock(client)
    client.delete(RedisClock.KEY)


@pytest.fixture
def quota(redis_settings: RedisSettings, clock: RedisClock) -> Iterator[Quota]:
    quota = Quota(redis_settings, max_workers=4)
    yield quota
    quota.close()


def drain(
    quota: Quota, clock: Clock, app: AppRow, campaign: CampaignRow, seconds: float, want: int = 100
) -> list[tuple[float, int]]:
    """Draws for so long, as a worker would: when and how much."""
    drawn = []
    end = clock.now + seconds
    while clock.now < end:
        draw = quota.draw(app, campaign, want)
        if draw.count:
            drawn.append((clock.now, draw.count))
        else:
            clock.turn(min(draw.wait, end - clock.now))
    return drawn


@settings(max_examples=60)
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


def test_a_bucket_starts_empty_and_fills_smoothly(quota: Quota, clock: RedisClock) -> None:
    app, campaign = app_row(60_000), campaign_row()
    assert quota.draw(app, campaign, 100).count == 0
    drawn = drain(quota, clock, app, campaign, 1.0)
    assert 850 <= sum(count for _, count in drawn) <= 1_000
    assert max(count for _, count in drawn) <= 100


def test_two_processes_share_one_bucket(quota: Quota, redis_settings: RedisSettings, clock: RedisClock) -> None:
    app, campaign = app_row(60_000), campaign_row()
    other = Quota(redis_settings, max_workers=4)
    total = 0
    for _ in range(1_000):
        total += quota.draw(app, campaign, 50).count + other.draw(app, campaign, 50).count
        clock.turn(0.001)
    other.close()
    assert 850 <= total <= 1_000


def test_a_bucket_fills_by_redis_own_clock(redis_settings: RedisSettings) -> None:
    app, campaign = app_row(60_000), campaign_row()
    quota = Quota(redis_settings, max_workers=4)
    started = time.monotonic()
    total = quota.draw(app, campaign, 50).count
    while total < 300:
        total += quota.draw(app, campaign, 50).count
    assert total <= 1_000 * (time.monotonic() - started)
    quota.close()


def test_a_small_quota_gives_one_message_at_a_time(quota: Quota, clock: RedisClock) -> None:
    app, campaign = app_row(600), campaign_row()
    drawn = drain(quota, clock, app, campaign, 1.5, want=50)
    assert 10 <= sum(count for _, count in drawn) <= 15


def test_a_campaigns_own_rate_holds_within_the_quota(quota: Quota, clock: RedisClock) -> None:
    app, campaign = app_row(600_000), campaign_row(rate_per_second=200)
    total = sum(count for _, count in drain(quota, clock, app, campaign, 1.5, want=50))
    assert 240 <= total <= 320


def test_the_last_part_of_the_burst_is_for_high_alone(quota: Quota, clock: RedisClock) -> None:
    app = app_row(600_000)
    normal, high = campaign_row(Priority.NORMAL), campaign_row(Priority.HIGH)
    quota.draw(app, normal, 1)
    clock.turn(0.3)
    shape = project_bucket(600_000)
    while quota.draw(app, normal, 500).count:
        pass
    drawn = 0
    while count := quota.draw(app, high, 500).count:
        drawn += count
    assert drawn >= 0.75 * shape.reserve


def test_a_pause_stops_every_process_and_leaves_an_empty_bucket(
    quota: Quota, redis_settings: RedisSettings, clock: RedisClock
) -> None:
    app, campaign = app_row(), campaign_row()
    quota.draw(app, campaign, 1)
    clock.turn(0.2)
    quota.pause(app, 0.5, drop_rate=False)
    other = Quota(redis_settings, max_workers=4)
    draw = other.draw(app, campaign, 10)
    assert draw.is_paused
    assert 0.3 < draw.wait <= 0.5
    clock.turn(draw.wait + 0.005)
    assert other.draw(app, campaign, 100).count == 0
    other.close()


def test_after_a_429_the_rate_halves_once_and_climbs_back(
    quota: Quota, client: "redis.Redis", clock: RedisClock
) -> None:
    app, campaign = app_row(600_000), campaign_row()
    for _ in range(3):
        quota.pause(app, 0.2, drop_rate=True)
    assert float(client.hget(f"fanfare:quota:{app.firebase_project_id}", "factor") or 0) == 0.5
    clock.turn(0.25)
    halved = sum(count for _, count in drain(quota, clock, app, campaign, 1.0, want=500))
    assert 4_000 <= halved <= 5_200
    clock.turn(60)
    quota.draw(app, campaign, 1_000_000)  # what a minute has filled the bucket with
    whole = sum(count for _, count in drain(quota, clock, app, campaign, 1.0, want=500))
    assert 8_000 <= whole <= 10_000


def test_without_redis_a_process_takes_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(quota_module, "LocalBucket", partial(LocalBucket, clock=clock))
    quota = Quota(RedisSettings(redis_url="redis://127.0.0.1:1/0"), max_workers=4)
    app, campaign = app_row(60_000), campaign_row()
    before = push_quota_fallbacks._value.get()
    drawn = sum(count for _, count in drain(quota, clock, app, campaign, 1.0))
    assert 200 <= drawn <= 250
    assert push_quota_fallbacks._value.get() > before
    quota.close()


def test_a_draw_is_void_after_a_second(quota: Quota, clock: RedisClock) -> None:
    app, campaign = app_row(600_000), campaign_row()
    quota.draw(app, campaign, 1)
    clock.turn(0.1)
    before = time.monotonic()
    draw = quota.draw(app, campaign, 10)
    assert draw.count == 10
    assert before < draw.valid_until <= time.monotonic() + VALID_SECONDS


def test_a_changed_quota_takes_effect_at_the_next_draw(quota: Quota, clock: RedisClock) -> None:
    app, campaign = app_row(60), campaign_row()
    assert quota.draw(app, campaign, 10).count == 0
    raised = replace(app, quota_per_minute=600_000)
    assert sum(count for _, count in drain(quota, clock, raised, campaign, 0.3, want=500)) > 1_000

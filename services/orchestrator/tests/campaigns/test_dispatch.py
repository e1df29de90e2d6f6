"""Dispatch: up to the app's cap, campaigns in turn, nothing that may not be sent."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from fanfare_orchestrator.campaigns.dispatch import dispatch
from fanfare_orchestrator.context import Context
from fanfare_orchestrator.settings import PlanSettings
from fanfare_shared.contracts.messages import SendBatch
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.db.connection import Ledger
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.worker.app import make_app
from fanfare_shared.worker.publisher import Publisher


def ready(office: Any, campaign_id: UUID, batches: int, size: int = 10) -> None:
    office.execute(
        "INSERT INTO batches (campaign_id, app_id, priority, device_ids, size, due_at)"
        " SELECT id, app_id, priority, array_fill(0, ARRAY[%s]), %s, now() FROM campaigns, generate_series(1, %s)"
        " WHERE id = %s",
        size,
        size,
        batches,
        campaign_id,
    )


def published(office: Any) -> Counter[UUID]:
    rows = office.rows("SELECT campaign_id, count(*) FROM batches WHERE status = 'published' GROUP BY 1")
    return Counter({row["campaign_id"]: row["count"] for row in rows})


def close_one(office: Any, campaign_id: UUID) -> None:
    office.execute(
        "UPDATE batches SET status = 'closed' WHERE id ="
        " (SELECT min(id) FROM batches WHERE campaign_id = %s AND status = 'published')",
        campaign_id,
    )


def test_five_seconds_of_the_quota_are_published_and_no_more(office: Any) -> None:
    app_id = office.app(quota_per_minute=1_200)  # 100 messages in five seconds
    ready(office, office.campaign(app_id), 30)
    assert dispatch(office.context, app_id) == 10
    assert dispatch(office.context, app_id) == 0


def test_two_batches_are_published_however_small_the_quota(office: Any) -> None:
    app_id = office.app(quota_per_minute=1)
    ready(office, office.campaign(app_id), 5)
    assert dispatch(office.context, app_id) == 2


def test_256_batches_are_published_however_large_the_quota(office: Any) -> None:
    app_id = office.app(quota_per_minute=6_000_000)
    ready(office, office.campaign(app_id), 300)
    assert dispatch(office.context, app_id) == 256


def test_a_leased_batch_counts_until_it_is_closed(office: Any) -> None:
    app_id = office.app(quota_per_minute=240)
    campaign_id = office.campaign(app_id)
    ready(office, campaign_id, 5)
    assert dispatch(office.context, app_id) == 2
    office.execute("UPDATE batches SET status = 'leased' WHERE status = 'published'")
    assert dispatch(office.context, app_id) == 0
    office.execute("UPDATE batches SET status = 'closed' WHERE status = 'leased'")
    assert dispatch(office.context, app_id) == 2


def test_one_app_does_not_count_against_another(office: Any) -> None:
    apps = [office.app(quota_per_minute=1), office.app(quota_per_minute=1)]
    for app_id in apps:
        ready(office, office.campaign(app_id), 5)
    assert [dispatch(office.context, app_id) for app_id in apps] == [2, 2]


def test_campaigns_take_turns(office: Any) -> None:
    app_id = office.app(quota_per_minute=1_080)  # 90 messages in five seconds
    campaigns = [office.campaign(app_id) for _ in range(3)]
    for campaign_id in campaigns:
        ready(office, campaign_id, 20)
    dispatch(office.context, app_id)
    assert published(office) == Counter(dict.fromkeys(campaigns, 3))


def test_what_comes_free_goes_to_the_campaign_with_the_fewest_in_flight(office: Any) -> None:
    app_id = office.app(quota_per_minute=480)  # 40 messages in five seconds
    first, second = office.campaign(app_id), office.campaign(app_id)
    ready(office, first, 20)
    dispatch(office.context, app_id)
    ready(office, second, 20)
    for _ in range(2):
        close_one(office, first)
        dispatch(office.context, app_id)
    assert published(office) == Counter({first: 2, second: 2})


def test_high_comes_first(office: Any, hints: Any) -> None:
    app_id = office.app(quota_per_minute=240)
    low, high = office.campaign(app_id, priority="low"), office.campaign(app_id, priority="high")
    ready(office, low, 5)
    ready(office, high, 5)
    dispatch(office.context, app_id)
    assert published(office) == Counter({high: 2})
    assert len(hints.take(SendBatch, Queue.PUSH_HIGH)) == 2


def test_a_campaign_with_a_rate_keeps_within_five_seconds_of_it(office: Any) -> None:
    app_id = office.app()
    slow, fast = office.campaign(app_id, rate_per_second=8), office.campaign(app_id)
    ready(office, slow, 20)
    ready(office, fast, 20)
    dispatch(office.context, app_id)
    assert published(office) == Counter({slow: 4, fast: 20})


@pytest.mark.parametrize("status", ["paused", "cancelling", "completed"])
def test_only_processing_campaigns_are_dispatched(office: Any, status: str) -> None:
    app_id = office.app()
    ready(office, office.campaign(app_id, status=status), 5)
    assert dispatch(office.context, app_id) == 0


def test_an_expired_campaign_is_not_dispatched(office: Any) -> None:
    app_id = office.app()
    ready(office, office.campaign(app_id), 5)
    office.execute("UPDATE campaigns SET expires_at = now() - interval '1 second'")
    assert dispatch(office.context, app_id) == 0


def test_nothing_is_dispatched_while_the_breaker_is_open(office: Any) -> None:
    app_id = office.app()
    ready(office, office.campaign(app_id), 5)
    office.execute("UPDATE apps SET paused_until = now() + interval '1 minute'")
    assert dispatch(office.context, app_id) == 0
    office.execute("UPDATE apps SET paused_until = now() - interval '1 second'")
    assert dispatch(office.context, app_id) == 5


def test_a_follow_up_waits_until_it_is_due(office: Any) -> None:
    app_id = office.app()
    ready(office, office.campaign(app_id), 2)
    office.execute("UPDATE batches SET due_at = now() + interval '1 minute'")
    assert dispatch(office.context, app_id) == 0


def test_what_a_paused_campaign_has_on_its_queue_does_not_hold_up_the_others(office: Any) -> None:
    app_id = office.app(quota_per_minute=240)
    paused, other = office.campaign(app_id), office.campaign(app_id)
    ready(office, paused, 5)
    dispatch(office.context, app_id)
    office.execute("UPDATE campaigns SET status = 'paused' WHERE id = %s", paused)
    ready(office, other, 5)
    assert dispatch(office.context, app_id) == 2


def test_dispatchers_at_once_do_not_overshoot(office: Any, other_ledger: Callable[[], Ledger]) -> None:
    app_id = office.app(quota_per_minute=1_200)
    ready(office, office.campaign(app_id), 100)
    contexts = [Context(other_ledger(), office.context.publisher, office.context.settings) for _ in range(6)]
    threads = [threading.Thread(target=dispatch, args=(context, app_id)) for context in contexts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert published(office).total() == 10


def test_a_published_batch_says_when_its_hint_is_repeated(office: Any) -> None:
    app_id = office.app()
    ready(office, office.campaign(app_id), 1)
    before = office.now()
    dispatch(office.context, app_id)
    (batch,) = office.rows("SELECT hints, due_at FROM batches")
    assert batch["hints"] == 1
    assert before + timedelta(seconds=25) < batch["due_at"] <= office.now() + timedelta(seconds=30)


def test_what_the_broker_does_not_take_is_ready_again(office: Any) -> None:
    app_id = office.app()
    ready(office, office.campaign(app_id), 3)
    nowhere = BrokerSettings(broker_url="amqp://guest:guest@127.0.0.1:1/")
    context = Context(office.context.ledger, Publisher(make_app("nowhere", nowhere)), PlanSettings())
    assert dispatch(context, app_id) == 0
    assert [(row["status"], row["hints"]) for row in office.rows("SELECT * FROM batches")] == [("ready", 0)] * 3

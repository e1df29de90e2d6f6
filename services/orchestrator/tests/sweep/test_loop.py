"""The loop outlives what its sweepers and servers do."""

import threading
import time
from typing import Any

from pydantic import SecretStr

from fanfare_orchestrator.context import Context
from fanfare_orchestrator.sweep.loop import Sweep
from fanfare_orchestrator.sweep.publisher import SweepPublisher
from fanfare_orchestrator.sweep.sweepers import SWEEPERS, Sweeper
from fanfare_shared.contracts.messages import SettleCampaign
from fanfare_shared.db.connection import Ledger
from fanfare_shared.ids import uuid7
from fanfare_shared.metrics import sweep_last_turn
from fanfare_shared.settings import BrokerSettings, DatabaseSettings
from fanfare_shared.testing.brokers import BrokerManagement, vhost_of
from fanfare_shared.testing.polling import wait_until
from fanfare_shared.testing.proxies import silenceable
from fanfare_shared.worker.app import make_app


def yes() -> bool:
    return True


def no() -> bool:
    return False


class Calls:
    """A sweeper that notes its turns, and leaves something `left` times."""

    def __init__(self, left: int = 0, error: Exception | None = None) -> None:
        self.count = 0
        self._left = left
        self._error = error

    def sweep(self, _context: Context) -> bool:
        self.count += 1
        if self._error is not None:
            raise self._error
        return self.count <= self._left


def test_a_sweeper_that_left_something_has_its_next_turn_at_once(context: Context) -> None:
    busy, idle = Calls(left=2), Calls()
    sweep = Sweep(context, [Sweeper(busy.sweep), Sweeper(idle.sweep)], yes)
    assert [sweep.tick(), sweep.tick(), sweep.tick()] == [True, True, False]
    assert (busy.count, idle.count) == (3, 1)


def test_a_sweeper_that_fails_does_not_stop_the_others(context: Context) -> None:
    broken, whole = Calls(error=ValueError("a bug")), Calls()
    assert not Sweep(context, [Sweeper(broken.sweep), Sweeper(whole.sweep)], yes).tick()
    assert (broken.count, whole.count) == (1, 1)


def test_a_turn_that_went_well_leaves_its_time(context: Context) -> None:
    broken, whole = Calls(error=ValueError("a bug")), Calls()
    began = time.time()
    Sweep(context, [Sweeper(broken.sweep, title="broken"), Sweeper(whole.sweep, title="whole")], yes).tick()
    assert sweep_last_turn.labels("whole")._value.get() >= began
    assert sweep_last_turn.labels("broken")._value.get() == 0


def test_while_the_broker_is_away_what_only_makes_hints_stays_due(context: Context) -> None:
    hinting, working = Calls(), Calls()
    Sweep(context, [Sweeper(hinting.sweep, hints=True), Sweeper(working.sweep)], no).tick()
    assert (hinting.count, working.count) == (0, 1)


def test_the_loop_goes_on_after_postgresql_was_away(office: Any, database_settings: DatabaseSettings) -> None:
    campaign_id = office.campaign(office.app(), status="scheduled")
    office.execute("UPDATE campaigns SET due_at = now()")
    nowhere = DatabaseSettings(database_url=SecretStr("postgresql://nobody@127.0.0.1:1/none"))
    context = Context(Ledger(nowhere, "test"), office.context.publisher, office.context.settings)
    assert not Sweep(context, SWEEPERS, yes).tick()
    ledger = Ledger(database_settings, "test-sweep")
    sweep = Sweep(Context(ledger, office.context.publisher, office.context.settings), SWEEPERS, yes)
    sweep.tick()
    office.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test-sweep'")
    office.execute("UPDATE campaigns SET status = 'scheduled', due_at = now()")
    sweep.tick()  # finds its connection broken
    stop = threading.Event()
    thread = threading.Thread(target=sweep.run, args=(stop,))
    thread.start()
    try:
        _wait_for_status(office, campaign_id, "processing")
    finally:
        stop.set()
        thread.join()
        ledger.close()


def _wait_for_status(office: Any, campaign_id: Any, status: str) -> None:
    wait_until(lambda: office.row("campaigns", campaign_id)["status"] == status, f"the campaign is {status}")


def test_a_hint_is_published_after_the_broker_closed_every_connection(
    context: Context, hints: Any, clean_broker: BrokerSettings, broker_management: BrokerManagement
) -> None:
    message = SettleCampaign(campaign_id=uuid7())
    context.publisher.hint([message])
    broker_management.close_connections(vhost_of(clean_broker))
    assert context.publisher.hint([message]) == 1


def test_the_publisher_knows_when_the_broker_is_back(clean_broker: BrokerSettings) -> None:
    with silenceable(clean_broker.broker_url.get_secret_value()) as (proxy, url):
        publisher = SweepPublisher(make_app("sweep-test", BrokerSettings(broker_url=SecretStr(url))))
        message = SettleCampaign(campaign_id=uuid7())
        assert publisher.broker_answers()
        proxy.silence()
        assert publisher.hint([message, message]) == 0
        assert publisher.hint([]) == 0
        assert not publisher.broker_answers()
        proxy.speak()
        wait_until(publisher.broker_answers, "the broker is found back")
        wait_until(lambda: publisher.broker_answers() and publisher.hint([message]) == 1, "a hint is published")

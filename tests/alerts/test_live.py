"""The rules in a real Prometheus that scrapes the real fleet: silent while it is well, and each fault has its alert."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanfare_shared.contracts.queues import Queue
from fanfare_shared.settings import BrokerSettings
from fanfare_shared.testing.brokers import vhost_of
from fanfare_shared.testing.environment import ServerAddresses
from fanfare_shared.testing.polling import until
from fanfare_shared.worker.app import make_app
from harness.alert_rules import RULE_FILES, rules
from harness.company import Company
from harness.fleet import Fleet, fleet_on
from harness.prometheus import Prometheus, prometheus_of, prometheus_on

# Of the whole server, which other tests use at the same time, and refuse logins to.
OF_THE_SERVER = {"FanfareBrokerLoginsRefused", "FanfareBrokerAlarm"}

# What has not happened has no series.
UNSEEN = {
    "fanfare_campaigns_paused",
    "fanfare_image_jobs_paused",
    "fanfare_images_total",
    "fanfare:images:increase15m",
    "fanfare_notifications_total",
    "fanfare:notifications:increase15m",
    "fanfare_push_errors_total",
    "fanfare:push_errors:increase15m",
}


@pytest.fixture
def fleet(server_addresses: ServerAddresses, tmp_path: Path) -> Iterator[Fleet]:
    with fleet_on(server_addresses, tmp_path) as fleet:
        fleet.with_metrics = True
        yield fleet.start_all(priorities=("normal",))


@pytest.fixture
def prometheus(fleet: Fleet, server_addresses: ServerAddresses, tmp_path: Path) -> Iterator[Prometheus]:
    with prometheus_of(fleet, server_addresses, tmp_path / "prometheus", rules=RULE_FILES) as prometheus:
        prometheus.wait_until_scraped()
        yield prometheus


def raised(prometheus: Prometheus, *states: str) -> set[tuple[str, str]]:
    """Name of each alert with what it is about."""
    return {
        (alert["labels"]["alertname"], subject(alert["labels"]))
        for alert in prometheus.alerts()
        if alert["state"] in (states or ("pending", "firing")) and alert["labels"]["alertname"] not in OF_THE_SERVER
    }


def subject(labels: dict[str, str]) -> str:
    return next((labels[name] for name in ("queue", "reason", "job") if name in labels), "")


def wait_for(prometheus: Prometheus, alert: str, about: str = "", *states: str) -> None:
    until(f"{alert} is raised", lambda: (alert, about) in raised(prometheus, *states), 120)


def fired_since(prometheus: Prometheus, moment: float) -> set[str]:
    """At whatever evaluation. One that was pending for a moment did what it should: a scrape may be late here."""
    seconds = int(time.time() - moment) + 1
    series = prometheus.query(f'count_over_time(ALERTS{{alertstate="firing"}}[{seconds}s])')
    return {each["metric"]["alertname"] for each in series} - OF_THE_SERVER


def publish_unknown_task(fleet: Fleet, queue: Queue) -> None:
    app = make_app("stranger", fleet.broker)
    try:
        app.send_task("unknown.task", queue=queue.value)
    finally:
        app.close()


def test_a_fleet_that_is_well_raises_no_alert_and_each_fault_raises_its_own(
    fleet: Fleet, prometheus: Prometheus
) -> None:
    app = fleet.client.register_app(fleet.simulator.credentials("alerts"), name="alerts")
    company = Company(fleet, app["id"], "alerts", app["webhook_secret"])
    company.add_devices(300)
    until("nothing is missing any more", lambda: not raised(prometheus), 120)
    began = time.time()
    assert company.finish(company.send(rate_per_second=40))["success"] == 300
    until("nothing is pending", lambda: not raised(prometheus), 120)
    assert fired_since(prometheus, began) == set()
    asked = {metric for rule in rules() for metric in rule.metrics}
    assert {metric for metric in asked if not prometheus.query(metric)} <= UNSEEN

    publish_unknown_task(fleet, Queue.PUSH_NORMAL)
    wait_for(prometheus, "FanfareDeadLetters", "push.normal", "firing")

    company.client.send(company.client.create_campaign(company.app_id, priority="low"))
    wait_for(prometheus, "FanfareNoWorker", "push.low", "pending")

    fleet.simulator.script(mix={"third_party_auth_error": 1})
    company.finish(company.send())
    wait_for(prometheus, "FanfareApnsCredentialRefused", "", "firing")
    wait_for(prometheus, "FanfareErrorShare", "", "pending")

    fleet.simulator.script(mix={"sender_id_mismatch": 1})
    paused = company.send()
    company.client.wait_for_status(paused, "paused")
    wait_for(prometheus, "FanfareCampaignPaused", "SENDER_ID_MISMATCH", "firing")

    fleet.processes["orchestrator"].kill()
    wait_for(prometheus, "FanfareSweepStopped", "", "pending")
    wait_for(prometheus, "FanfareTargetDown", "orchestrator", "pending")
    wait_for(prometheus, "FanfareOrchestratorNotConsuming", "campaigns", "pending")


def test_every_metric_that_a_rule_asks_rabbitmq_for_is_there(
    server_addresses: ServerAddresses, broker_settings: BrokerSettings, tmp_path: Path
) -> None:
    asked = {metric for rule in rules() for metric in rule.metrics if metric.startswith("rabbitmq_")}
    matchers = [matcher for rule in rules() for matcher in rule.matchers if matcher.metric in asked]
    assert asked
    with prometheus_on(server_addresses, tmp_path, vhost=vhost_of(broker_settings)) as prometheus:
        until("all are there", lambda: all(prometheus.query(metric) for metric in asked), 60)
        assert all(prometheus.label_values(matcher.label, matcher.metric) for matcher in matchers)

"""What an operator relies on: metrics by their names, logs without secrets, the borders between services, the schedule."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from fanfare_shared.schedule import SCHEDULE
from fanfare_shared.testing.polling import until
from harness.company import Company
from harness.fleet import Fleet
from harness.receivers import MailServer, Receiver

SERVICES = ("api", "orchestrator", "push-worker-high", "push-worker-normal", "push-worker-low")


def labels_of(families: dict[str, Metric], name: str) -> set[str]:
    """The labels of the metric's samples, a histogram's `le` left out. Fails where there is no sample."""
    return {label for sample in families[name].samples for label in sample.labels} - {"le"}


def metrics_of(fleet: Fleet, name: str) -> dict[str, Metric]:
    families = {family.name: family for family in text_string_to_metric_families(fleet.metrics(name))}
    return {name: family for name, family in families.items() if family.samples}


def metrics_with(fleet: Fleet, name: str, task: str) -> dict[str, Metric]:
    """The metrics once such a task is measured, which is when it ends."""

    def look() -> dict[str, Metric] | None:
        families = metrics_of(fleet, name)
        durations = families.get("fanfare_task_duration_seconds")
        measured = durations is not None and any(sample.labels["task"] == task for sample in durations.samples)
        return families if measured else None

    return until(f"{name} has measured {task}", look, 120)


def messages_of(fleet: Fleet, company: Company) -> dict[str, float]:
    """By outcome, of the company's app; of those that there were."""
    return {
        sample.labels["outcome"]: sample.value
        for sample in metrics_of(fleet, "push-worker-normal")["fanfare_push_messages"].samples
        if sample.labels.get("app") == company.app_id and sample.name == "fanfare_push_messages_total" and sample.value
    }


def test_every_process_shows_its_metrics_and_they_count_what_stats_say(fleet: Fleet, company: Company) -> None:
    company.add_devices(150)
    company.add_devices(7, "dead")
    company.simulator.script(patterns=[{"contains": "-dead-", "outcomes": ["unregistered"]}])
    stats = company.finish(company.send())
    counted = {"accepted": stats["success"], "invalid_token": stats["invalid_token"]}
    # A worker counts what the ledger has, so a little later.
    until("the worker's counts are those of stats", lambda: messages_of(fleet, company) == counted, 120)
    worker = metrics_with(fleet, "push-worker-normal", "push.send_batch")
    assert labels_of(worker, "fanfare_push_messages") == {"app", "priority", "outcome"}
    for name in ("request_duration", "batch_duration", "quota_wait"):
        assert labels_of(worker, f"fanfare_push_{name}_seconds") == set()
    metrics_with(fleet, "orchestrator", "campaigns.plan")
    until("the campaigns are gauged", lambda: "fanfare_campaigns" in metrics_of(fleet, "orchestrator"), 120)
    orchestrator = metrics_of(fleet, "orchestrator")
    assert labels_of(orchestrator, "fanfare_campaigns") == {"status"}
    assert labels_of(orchestrator, "fanfare_campaign_oldest_pending_seconds") == set()
    for families in (worker, orchestrator):
        assert labels_of(families, "fanfare_task_duration_seconds") == {"task", "outcome"}
    api = metrics_of(fleet, "api")
    assert labels_of(api, "fanfare_http_request_duration_seconds") == {"method", "route", "status"}
    routes = {sample.labels["route"] for sample in api["fanfare_http_request_duration_seconds"].samples}
    assert "/v1/campaigns/{campaign_id}/stats" in routes
    for name in SERVICES:
        text = fleet.metrics(name)
        assert company.prefix not in text
        assert not re.search(r'route="[^"]*[0-9a-f]{8}-', text), "an id is a label"


def work_done(fleet: Fleet, *names: str) -> list[str]:
    """The scheduled work that these orchestrators' logs say was done, a name for each time."""
    lines = (line for name in names for line in fleet.processes[name].log.read_text().splitlines())
    return [json.loads(line)["work"] for line in lines if '"event": "scheduled work ' in line]


def test_the_daily_work_is_shown_with_its_runs_and_two_orchestrators_do_each_once(fleet: Fleet) -> None:
    def runs() -> dict[str, list[dict[str, Any]]]:
        return {item["name"]: item["last_runs"] for item in fleet.client.get("/v1/schedules")["items"]}

    def finished() -> bool:
        return all(run["finished_at"] for of_work in runs().values() for run in of_work) and all(runs().values())

    until("every work has its run", finished, 120)
    second = fleet.start_orchestrator("orchestrator-2")
    both = ("orchestrator", "orchestrator-2")

    def looked_at() -> int:
        """How often either was asked for a run: each asks for all when it starts."""
        text = "".join(fleet.processes[name].log.read_text() for name in both)
        return text.count('"event": "task done", "task": "maintenance.run"')

    try:
        until("the second one's messages are handled", lambda: looked_at() >= 2 * len(SCHEDULE), 120)
        until("every run is finished", finished, 120)
        # A log's line comes after the run's row.
        until(
            "each run was done once",
            lambda: Counter(work_done(fleet, *both)) == {name: len(of_work) for name, of_work in runs().items()},
            120,
        )
        assert second.stop() == 0
    finally:
        second.kill()
        del fleet.processes["orchestrator-2"]
    shown = fleet.client.get("/v1/schedules")["items"]
    assert {item["name"]: item["time"] for item in shown} == {
        work.name: f"{work.default_time:%H:%M}" for work in SCHEDULE
    }
    assert {run["status"] for item in shown for run in item["last_runs"]} == {"SUCCESS"}, shown


def test_no_secret_and_no_device_token_is_in_any_log(fleet: Fleet, company: Company, receiver: Receiver) -> None:
    company.add_devices(20)
    company.add_devices(2, "dead")
    company.add_devices(2, "refused")
    company.simulator.script(
        patterns=[
            {"contains": "-dead-", "outcomes": ["unregistered"]},
            {"contains": "-refused-", "outcomes": [{"outcome": "quota_exceeded", "retry_after": 1}, "accept"]},
        ]
    )
    company.finish(company.send(webhook_url=receiver.url(), notify_email=f"{company.prefix}@example.com"))
    until("the webhook is called", lambda: receiver.requests, 120)
    credentials = company.simulator.credentials(f"leak-of-{company.prefix}")
    refused = company.client.http.post(
        "/v1/apps", json={"name": "x", "credentials": credentials | {"token_uri": "https://attacker.example/"}}
    )
    assert refused.is_client_error
    company.client.http.put("/v1/devices", json={"app_id": "?", "token": company.tokens[0]})
    company.client.http.get("/v1/campaigns", headers={"Authorization": "Bearer ff_a-key-that-is-wrong"})
    key = re.findall(r"[A-Za-z0-9+/]{60,}", credentials["private_key"])
    broker_password = urlsplit(fleet.broker.broker_url.get_secret_value()).password or ""
    secrets = {
        **fleet.secrets,
        "api key": company.client.http.headers["Authorization"].removeprefix("Bearer "),
        "a wrong api key": "ff_a-key-that-is-wrong",
        "webhook secret": company.webhook_secret,
        "e-mail password": MailServer.PASSWORD,
        "e-mail password in its address": quote(MailServer.PASSWORD),
        "broker password": f":{broker_password}@",
        "device token": f"{company.prefix}-d",
        "device token refused": f"{company.prefix}-refused",
        "device token of any test": "-device-",
        "access token": "ya29.",
        "private key": key[len(key) // 2],
        "private key's head": "PRIVATE KEY",
    }
    for log in logs(fleet):
        text = log.read_text()
        assert {name for name, secret in secrets.items() if secret in text} == set(), log.name


def logs(fleet: Fleet) -> list[Path]:
    found = [log for log in sorted(fleet.folder.glob("*.log")) if log.stem != "simulator"]
    assert {log.stem for log in found} >= set(SERVICES)
    return found

"""Alert rules are tested by promtool, lead to a runbook, and ask only for what the code and RabbitMQ tell."""

import re

import pytest

from fanfare_shared.contracts.messages import MESSAGES
from fanfare_shared.contracts.queues import Queue
from harness.alert_rules import RULE_FILES, TEST_FILES, Rule, alerts, cases, groups, rules
from harness.fleet import ROOT
from harness.metrics_table import LABELS, definitions
from harness.prometheus import promtool

# What Prometheus and the scrape's configuration add to every sample.
_OF_THE_TARGET = {"job", "instance", "workload"}
_JOBS = {"api", "orchestrator", "push-worker", "image-worker", "rabbitmq", "rabbitmq-queues"}
_RABBITMQ = {
    "rabbitmq_detailed_queue_messages": {"vhost", "queue"},
    "rabbitmq_detailed_queue_consumers": {"vhost", "queue"},
    "rabbitmq_alarms_memory_used_watermark": set(),
    "rabbitmq_alarms_free_disk_space_watermark": set(),
    "rabbitmq_alarms_file_descriptor_limit": set(),
    "rabbitmq_auth_attempts_failed_total": {"protocol"},
}
"""That RabbitMQ has them, a test with a real Prometheus says."""


def family(metric: str) -> str:
    return re.sub(r"_(?:bucket|sum|count)$", "", metric)


def labels_of(metric: str) -> set[str]:
    """Those its samples have. Fails for a metric that nothing tells."""
    if metric == "up":
        return _OF_THE_TARGET
    if metric in _RABBITMQ:
        return _RABBITMQ[metric] | _OF_THE_TARGET
    if metric.startswith("fanfare:"):
        (record,) = [rule for rule in rules() if rule.name == metric]
        return record.grouped_by
    collector = definitions()[family(metric)]
    buckets = {"le"} if metric.endswith("_bucket") else set()
    return set(collector.labels) | buckets | _OF_THE_TARGET


def test_promtool_reads_the_rules() -> None:
    promtool("check", "rules", *map(str, RULE_FILES))


@pytest.mark.timeout(900)
def test_every_alert_fires_where_it_should_and_not_where_it_should_not() -> None:
    promtool("test", "rules", *map(str, TEST_FILES))


@pytest.mark.parametrize("fires", [True, False])
def test_every_alert_has_a_case_that_fires_and_one_that_does_not(fires: bool) -> None:
    assert {name for name, fired in cases() if fired is fires} == {alert.name for alert in alerts()}


def test_names_are_unique_and_groups_are_ours() -> None:
    names = [rule.name for rule in rules()]
    assert len(set(names)) == len(names)
    assert all(group["name"] == f"fanfare-{file.stem}" for file, group in groups())


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_an_alert_says_how_urgent_it_is_what_is_wrong_and_what_to_do(alert: Rule) -> None:
    assert alert.labels.keys() == {"severity"}
    assert alert.labels["severity"] in {"page", "ticket"}
    assert alert.annotations.keys() == {"summary", "description", "runbook"}
    page, _, anchor = alert.annotations["runbook"].partition("#")
    headings = re.findall(r"^## (\w+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert alert.name in headings
    assert anchor == alert.name.lower()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_a_rule_asks_for_metrics_and_labels_that_there_are(rule: Rule) -> None:
    there = {metric: labels_of(metric) for metric in rule.metrics}
    assert there
    for matcher in rule.matchers:
        assert matcher.label in there[matcher.metric], matcher
    # label_replace makes this one.
    made = {"queue"} if "label_replace" in rule.expression else set()
    assert rule.grouped_by <= set().union(*there.values()) | made
    shown = set(re.findall(r"\$labels\.(\w+)", " ".join(rule.annotations.values())))
    assert shown <= set().union(*there.values())


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_the_values_that_a_rule_asks_for_can_be(rule: Rule) -> None:
    for matcher in rule.matchers:
        for word in matcher.words:
            if matcher.label == "job":
                assert word in _JOBS
            elif matcher.label == "queue":
                assert word in {*Queue, "unknown"}
            elif family(matcher.metric) in LABELS:
                assert LABELS[family(matcher.metric)][matcher.label].allow(word), matcher


def test_every_queue_is_watched_for_somebody_who_consumes_it() -> None:
    watched = [
        word
        for alert in alerts()
        if alert.name in {"FanfareNoWorker", "FanfareOrchestratorNotConsuming"}
        for matcher in alert.matchers
        for word in matcher.words
    ]
    assert sorted(watched) == sorted(Queue)


def test_the_number_of_queues_that_must_have_a_depth_is_that_of_the_queues() -> None:
    (alert,) = [alert for alert in alerts() if alert.name == "FanfareQueueDepthMissing"]
    assert f"< {len(Queue)} " in alert.expression
    assert f"all {len(Queue)} queues" in alert.annotations["description"]


def test_what_is_handled_of_a_queue_is_known_for_every_task() -> None:
    """Sending and images are counted by device and image, a probe is a request of somebody who waits for its answer."""
    (record,) = [rule for rule in rules() if rule.name == "fanfare:queue_handled:increase15m"]
    counted = {matcher.value for matcher in record.matchers if matcher.label == "task"}
    assert counted | {"push.send_batch", "push.probe", "images.process_batch"} == {message.task for message in MESSAGES}
    queues = set(re.findall(r'"queue", "([a-z.]+)", "", ""', record.expression))
    assert queues <= set(Queue)

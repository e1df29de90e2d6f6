"""A rule of prometheus-adapter's as it becomes a metric's name and a query."""

import pytest
from pydantic import ValidationError

from rehearsal.external_metrics import Rule

DEPTH = {"seriesQuery": '{__name__="queue_depth"}', "metricsQuery": "sum(<<.Series>>{<<.LabelMatchers>>}) by (queue)"}
ANYWHERE = {"namespaced": False}


def test_the_selectors_labels_become_matchers_in_the_order_of_their_names() -> None:
    rule = Rule.model_validate({**DEPTH, "resources": ANYWHERE})
    query = rule.query("queue_depth", "fanfare", {"vhost": "fanfare", "queue": "push.normal"})
    assert query == 'sum(queue_depth{queue="push.normal",vhost="fanfare"}) by (queue)'


def test_a_namespaced_rule_asks_for_the_autoscalers_namespace() -> None:
    resources = {"overrides": {"kubernetes_namespace": {"resource": "namespace"}}}
    rule = Rule.model_validate({**DEPTH, "resources": resources})
    query = rule.query("queue_depth", "fanfare", {"queue": "push.normal"})
    assert query == 'sum(queue_depth{queue="push.normal",kubernetes_namespace="fanfare"}) by (queue)'
    with pytest.raises(ValueError, match="names no label for the namespace"):
        Rule.model_validate(DEPTH).query("queue_depth", "fanfare", {})


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ({}, "rabbitmq_queue_messages"),
        ({"as": "depth"}, "depth"),
        ({"matches": "^rabbitmq_(.*)$"}, "queue_messages"),
        ({"matches": "^rabbitmq_(.*)_messages$", "as": "${1}_depth"}, "queue_depth"),
        ({"matches": "^other_(.*)$"}, None),
    ],
)
def test_a_metric_is_named_after_its_series(name: dict[str, str], metric: str | None) -> None:
    assert Rule.model_validate({**DEPTH, "name": name}).metric("rabbitmq_queue_messages") == metric


def test_what_is_not_rehearsed_is_refused() -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate({**DEPTH, "seriesFilters": [{"isNot": "_total$"}]})
    rule = Rule.model_validate({**DEPTH, "resources": ANYWHERE, "metricsQuery": "<<.Series | upper>>"})
    with pytest.raises(ValueError, match="not rehearsed"):
        rule.query("queue_depth", "fanfare", {})

"""What Prometheus answers to the autoscalers' query, by promtool: the depth, or nothing where it is not known."""

from pathlib import Path

import pytest
import yaml

from harness.prometheus import promtool
from k8s.manifests import Manifests, name_of
from k8s.test_autoscaling import queue_of

SERIES = "rabbitmq_detailed_queue_messages"
MATCHERS = 'queue="push.normal"'
# Scraped each 15 s; `stale` is what Prometheus writes where a scrape failed, `_` where it did not even try.
WORLD = [
    {"series": f'{SERIES}{{vhost="fanfare",queue="push.normal",instance="one"}}', "values": "25x40 stale _x100"},
    {"series": f'{SERIES}{{vhost="fanfare",queue="push.low",instance="one"}}', "values": "0x40 _x100"},
    {"series": f'{SERIES}{{vhost="other",queue="push.normal",instance="one"}}', "values": "900x140"},
    # A node that has led the queue before.
    {"series": f'{SERIES}{{vhost="fanfare",queue="push.high",instance="one"}}', "values": "3x140"},
    {"series": f'{SERIES}{{vhost="fanfare",queue="push.high",instance="two"}}', "values": "7x140"},
]


@pytest.fixture
def query() -> str:
    """The adapter's rule, without the autoscaler's part."""
    adapter = Manifests.of("components/prometheus-adapter").the("ConfigMap", "adapter-config")
    (rule,) = yaml.safe_load(adapter["data"]["config.yaml"])["externalRules"]
    return str(rule["metricsQuery"]).replace("<<.Series>>", SERIES)


def check(folder: Path, query: str, answers: dict[str, dict[str, int]]) -> None:
    """`answers`: the value of each queue, by time. AssertionError with what promtool found."""
    file = folder / "test.yml"
    tests = [
        {
            "expr": query,
            "eval_time": time,
            "exp_samples": [{"labels": f'{{queue="{queue}"}}', "value": value} for queue, value in values.items()],
        }
        for time, values in answers.items()
    ]
    world = {"interval": "15s", "input_series": WORLD, "promql_expr_test": tests}
    # promtool plays the world no further than to the next whole evaluation interval.
    file.write_text(yaml.safe_dump({"evaluation_interval": "15s", "tests": [world]}))
    promtool("test", "rules", str(file))


def test_it_is_the_depth_in_the_vhost(tmp_path: Path, query: str) -> None:
    check(tmp_path, query.replace("<<.LabelMatchers>>", MATCHERS), {"5m": {"push.normal": 25}})


def test_an_empty_queue_is_zero(tmp_path: Path, query: str) -> None:
    check(tmp_path, query.replace("<<.LabelMatchers>>", 'queue="push.low"'), {"5m": {"push.low": 0}})


def test_after_a_failed_scrape_there_is_no_answer_at_once(tmp_path: Path, query: str) -> None:
    check(tmp_path, query.replace("<<.LabelMatchers>>", MATCHERS), {"10m": {"push.normal": 25}, "10m15s": {}})


def test_without_a_scrape_there_is_no_answer_after_a_minute(tmp_path: Path, query: str) -> None:
    """Prometheus itself would repeat the last value for five."""
    matchers = 'queue="push.low"'
    check(tmp_path, query.replace("<<.LabelMatchers>>", matchers), {"10m45s": {"push.low": 0}, "11m": {}})
    check(tmp_path, f"max by (queue) ({SERIES}{{{matchers}}})", {"11m": {"push.low": 0}})


def test_two_nodes_that_report_a_queue_are_not_added_up(tmp_path: Path, query: str) -> None:
    check(tmp_path, query.replace("<<.LabelMatchers>>", 'queue="push.high"'), {"5m": {"push.high": 7}})


def test_keda_asks_the_same(keda: Manifests, query: str) -> None:
    for scaled in keda.kind("ScaledObject"):
        for trigger in scaled["spec"]["triggers"]:
            asked = trigger["metadata"]["query"]
            wanted = query.replace("<<.LabelMatchers>>", f'queue="{queue_of(asked)}"')
            assert asked == wanted, name_of(scaled)

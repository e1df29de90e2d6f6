"""Each process shows the metrics that docs/metrics.md says it counts, with labels that it says there are."""

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from harness.metrics_table import LABELS, SERVED_BY, definitions
from harness.story import DEAD_DEVICES, DEVICES, WORKERS, Story

SERVICES = {
    "api": "api",
    "orchestrator": "orchestrator",
    "push-worker-normal": "push-worker",
    "image-worker": "image-worker",
}
"""The service of each of the fleet's processes."""


def families(story: Story, process: str) -> dict[str, Metric]:
    """By the catalogue's name: a counter's ends in `_total`."""
    parsed = text_string_to_metric_families(story.metrics[process])
    return {f"{family.name}_total" if family.type == "counter" else family.name: family for family in parsed}


def samples(story: Story, process: str, name: str) -> list[Sample]:
    return list(families(story, process)[name].samples)


def test_every_metric_of_the_catalogue_is_shown_by_each_service_that_counts_it(story: Story) -> None:
    shown = {
        (service, name)
        for process, service in SERVICES.items()
        for name, family in families(story, process).items()
        if family.samples
    }
    assert {(service, name) for name, services in SERVED_BY.items() for service in services} - shown == set()


def test_nothing_is_shown_that_the_catalogue_does_not_have(story: Story) -> None:
    for process in SERVICES:
        ours = {name for name in families(story, process) if name.startswith("fanfare_")}
        assert ours <= definitions().keys(), process
        others = families(story, process).keys() - ours
        assert all(name.startswith(("process_", "python_")) for name in others), others


def test_types_and_labels_are_those_of_the_catalogue(story: Story) -> None:
    for process in SERVICES:
        for name, metric in definitions().items():
            family = families(story, process).get(name)
            if family is None:
                continue
            assert family.type == metric.type, name
            for sample in samples(story, process, name):
                labels = {label: value for label, value in sample.labels.items() if label != "le"}
                assert labels.keys() == set(metric.labels), sample
                for label, value in labels.items():
                    assert LABELS[name][label].allow(value), (process, sample)


def test_no_label_tells_of_a_campaign_a_job_or_a_device(story: Story) -> None:
    for process in SERVICES:
        text = story.metrics[process]
        for private in (story.campaign_id, story.image_job_id, story.request_id, "observed-"):
            assert private not in text


def value(story: Story, process: str, name: str, **labels: str) -> float:
    return sum(sample.value for sample in samples(story, process, name) if labels.items() <= sample.labels.items())


def test_what_the_companions_count_is_in_the_orchestrators_answer(story: Story) -> None:
    """The sweep, the dead letters' consumer and the worker for slow work are processes of their own."""
    turn = "fanfare_sweep_last_turn_timestamp_seconds"
    assert value(story, "orchestrator", turn, sweeper="sweep_due campaign") > 0
    assert value(story, "orchestrator", "fanfare_campaigns", status="completed") == 2
    assert value(story, "orchestrator", "fanfare_dead_letters_total", queue="campaigns") == 1
    assert value(story, "orchestrator", "fanfare_notifications_total", outcome="delivered") == 1
    durations = samples(story, "orchestrator", "fanfare_task_duration_seconds")
    assert {"campaigns.plan", "notifications.send"} <= {sample.labels["task"] for sample in durations}


def test_what_the_children_count_is_in_their_workers_answer(story: Story) -> None:
    messages = "fanfare_push_messages_total"
    assert value(story, "push-worker-normal", messages, outcome="accepted") >= 2 * DEVICES
    assert value(story, "push-worker-normal", messages, outcome="invalid_token") >= DEAD_DEVICES
    assert value(story, "push-worker-normal", "fanfare_push_errors_total", code="UNREGISTERED") >= DEAD_DEVICES
    assert value(story, "image-worker", "fanfare_images_total", outcome="succeeded") >= 3
    assert value(story, "image-worker", "fanfare_images_total", outcome="failed") == 1
    for process in WORKERS:
        assert value(story, process, "fanfare_build_info", service=SERVICES[process]) == 1

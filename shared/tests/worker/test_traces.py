"""Traces of a real worker: whose message it is, and that none is lost when it stops."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from fanfare_shared import tracing
from fanfare_shared.contracts.messages import PlanCampaign
from fanfare_shared.settings import TracingSettings
from fanfare_shared.testing.collectors import Collector
from fanfare_shared.testing.polling import wait_until
from fanfare_shared.testing.worker_process import StartWorker


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


def test_a_child_hands_its_spans_over_when_the_worker_stops(start_worker: StartWorker, collector: Collector) -> None:
    worker = start_worker(otlp_endpoint=collector.url)
    worker.wait_until_connected()
    campaigns = {worker.send("succeed") for _ in range(3)}
    wait_until(lambda: worker.output().count("task done") == 3, "the tasks are done")
    assert worker.terminate() == 0
    spans = collector.named("process campaigns.plan")
    assert {span.attributes["fanfare.campaign_id"] for span in spans} == campaigns
    # Without a trace in the message, its campaign's.
    assert {span.trace_id for span in spans} == {campaign.replace("-", "") for campaign in campaigns}
    assert {span.service for span in spans} == {"example"}


def test_a_task_that_fails_is_a_failed_span(start_worker: StartWorker, collector: Collector) -> None:
    worker = start_worker(otlp_endpoint=collector.url)
    worker.wait_until_connected()
    worker.send("crash")
    wait_until(lambda: "task failed" in worker.output(), "the task has failed")
    assert worker.terminate() == 0
    (span,) = collector.named("process campaigns.plan")
    assert span.is_error
    assert span.attributes["fanfare.outcome"] == "crash"


def test_a_message_takes_the_trace_and_the_request_of_the_work_that_publishes_it(
    start_worker: StartWorker, collector: Collector
) -> None:
    worker = start_worker(otlp_endpoint=collector.url)
    worker.wait_until_connected()
    tracing.start("test", TracingSettings(otlp_endpoint=collector.url))
    try:
        with tracing.span("outer"):
            trace_id = tracing.trace_id()
            worker.publisher.publish(PlanCampaign(campaign_id=uuid4(), request_id="succeed"))
    finally:
        tracing.stop()
        tracing.start("test", TracingSettings())
    wait_until(lambda: "task done" in worker.output(), "the task is done")
    assert worker.terminate() == 0
    (span,) = collector.named("process campaigns.plan")
    assert span.trace_id == trace_id
    assert collector.path_to(span) == ["outer", "publish campaigns.plan", "process campaigns.plan"]
